"""The core modules of a component as one module, where they are linked when the component is instantiated.

``component.py`` has ``merged``, ``inside.py`` the same for components inside the component. ``wiring.py`` reads what a
component says of its core instances, ``module.py`` makes the one module out of the ``parts.py`` of the many, and
``code.py`` gives their instructions the new numbers.
"""
