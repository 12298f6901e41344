"""The page of a build for people: what is drawn, which samples are shown, and the HTML."""
