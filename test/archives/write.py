"""Archives a directory with Python's tarfile: write.py FORMAT DIRECTORY ARCHIVE"""
import os
import sys
import tarfile

formats = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
with tarfile.open(sys.argv[3], "w", format=formats[sys.argv[1]]) as out:
    for directory, names, files in os.walk(sys.argv[2]):
        names.sort()
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            try:
                out.add(path, os.path.relpath(path, sys.argv[2]), recursive=False)
            except ValueError:
                pass  # a name that this format cannot hold
