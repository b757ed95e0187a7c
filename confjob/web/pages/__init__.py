"""The pages, a module each: what is asked for, handed to the pipeline, and a template of the answer."""
