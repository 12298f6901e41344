"""Commands: each module holds the parser of one and what it runs; `registry` lists them."""
