"""The stages of a build, a folder each, in the order in which data passes them.

- `plan`: what a source is, and the units of work that its reading is cut into
- `formats`: a raw format each; its units read themselves
- `read`: units to fragments by bucket
- `write`: a bucket to shards and a receipt
- `builds`: receipts to a published build
- `report`, `verify`, `evaluation`, `score`: what is made of a published build

Beneath them, in the order in which they use each other: `messages`, `stores`, `columns`, `geometry`, `images`, `tasks`,
`workers`.
"""
