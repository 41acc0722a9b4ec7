"""Runs work that is cut into pieces: in this process, in local processes, or on a Dask cluster."""
