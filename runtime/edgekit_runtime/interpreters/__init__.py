"""The interpreters that can run a model, one module each; nothing outside this folder imports an interpreter."""
