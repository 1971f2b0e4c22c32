"""What should be: each source reads and watches one outside thing, and says it in the words of the model.

Lives here: YAML with positions, the Compose vocabulary (`compose/`), settings, the folder of service files, and files
that services watch (`filewatch/`).
Never here: decisions about what to do, engines, containers. A source reports all that is wrong in what it read, or all
of what it says; never a part. Only disk, materials, watching, filewatch, yamlfiles, datafiles and settingsfile touch
the outside world.
May import: zpmd.model, zpmd.ports, zpmd.errors, zpmd.settings, and the libraries that read its outside thing.
"""
