"""embed.py OUT.c FILE...: the bytes of each file as C, and a table of them (page.h)."""
import os
import sys

out, *paths = sys.argv[1:]
with open(out, "w", encoding="ascii") as c:
    c.write('#include "page.h"\n\n')
    for number, path in enumerate(paths):
        with open(path, "rb") as file:
            data = file.read()
        c.write("static const unsigned char file_%d[] = {\n" % number)
        for at in range(0, len(data), 24):
            c.write(",".join(map(str, data[at:at + 24])) + ",\n")
        c.write("};\n")
    c.write("\nconst struct page_embedded page_embedded[] = {\n")
    for number, path in enumerate(paths):
        c.write('    {"%s", file_%d, sizeof file_%d},\n' % (os.path.basename(path), number, number))
    c.write("};\nconst size_t page_embedded_count = sizeof page_embedded / sizeof page_embedded[0];\n")
