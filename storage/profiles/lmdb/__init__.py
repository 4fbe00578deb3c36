"""The embedded profile store: LMDB files in one folder, PROFILES/batch/<version>/ and PROFILES/online/."""
