"""The tables of the data package: read, validated and saved."""
