"""Reads the part of HDF5 that Keras files are made of, in plain Python.

HDF5's own library, made for files that one trusts, hangs or corrupts memory on one damaged file in some hundred, and
can be led by a file to other files and to plug-ins. A Keras file needs little of the format: groups, attributes, and
arrays of numbers. That much is read here with every offset and length checked; all else is refused by its name.

Source: HDF5 File Format Specification, version 3.0.
"""

from edgekit_converters.keras_files.hdf5.tree import SIGNATURE, Array, Group, open_hdf5

__all__ = ["SIGNATURE", "Array", "Group", "open_hdf5"]
