"""SavedModel folders: what their protocol buffer holds, which operators may run, and the function to lower."""
