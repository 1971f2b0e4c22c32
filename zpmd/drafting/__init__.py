"""From what runs to files that say the same: what `zpmd init` writes, and what it could not carry over.

Lives here: the conversion of an engine's inspections into Compose services, and the text of the files made of them.
Never here: an engine, a disk, a clock, or a change of a container. All of it is pure: JSON in, texts and remarks out.
May import: model, redaction. The annotated sample of the settings, zpmd.yaml, is the file of etc/zpmd itself.
"""
