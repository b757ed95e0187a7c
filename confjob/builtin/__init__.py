"""The formats and the backend that come with confjob.

They are plugins like anyone's: each module registers itself by the same hooks and imports
`confjob.plugin` alone.
"""
