"""From pins to a published artefact: validated, refined, indexed, measured."""
