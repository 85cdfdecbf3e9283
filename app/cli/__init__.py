"""The commands of `inferencebench`."""
