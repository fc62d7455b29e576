"""The core modules of a component as one module, where they are linked when the component is instantiated.

``component.py`` has ``merged``, ``wiring.py`` what a component says of its core instances, ``module.py`` makes the one
module out of the ``parts.py`` of the many, and ``code.py`` gives their instructions the new numbers.
"""
