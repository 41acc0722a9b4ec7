"""Reads the parts of HDF5 that Keras files use, in plain Python.

HDF5's own library is made for trusted files. It hangs or corrupts memory on about one damaged file in a few hundred,
and a file can make it open other files and plug-ins. A Keras file needs little of the format: groups, attributes, and
arrays of numbers. This package reads only these, with every offset and length checked, and rejects everything else by
name.

Source: HDF5 File Format Specification, version 3.0.
"""

from edgekit_converters.keras_files.hdf5.tree import SIGNATURE, Array, Group, open_hdf5

__all__ = ["SIGNATURE", "Array", "Group", "open_hdf5"]
