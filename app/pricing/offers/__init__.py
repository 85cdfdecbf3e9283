"""An offer: its record, its normalisation from what a source says, its rows and the queries on them."""
