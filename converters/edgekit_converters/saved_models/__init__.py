"""SavedModel folders: reads their protocol buffer, checks their operators, and makes the function to lower."""
