"""bill.py FOLDER SOURCES - adds to an unpacked release wheel what must go along with other people's
code: the licences of the libraries inside, and a bill of materials (CycloneDX, in dist-info/sboms).

SOURCES has Debian's sources of what was built from them; all else is from Debian's packages, which
dpkg knows. Run by release.sh, which says what is linked.
"""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    name: str
    licence: str  # its SPDX identifier
    package: str  # of Debian, with the archive; "": built from Debian's source
    inside: str


LIBRARIES = (
    Library("sqlite3", "blessing", "libsqlite3-dev", "module and command"),
    Library("hiredis", "BSD-3-Clause", "libhiredis-dev", "module and command"),
    Library("protobuf-c", "BSD-2-Clause", "libprotobuf-c-dev", "module and command"),
    Library("openssl", "Apache-2.0", "libssl-dev", "module and command"),
    Library("cjson", "MIT", "", "module and command"),
    Library("popt", "MIT", "libpopt-dev", "command"),
    Library("lua5.4", "MIT", "liblua5.4-dev", "command"),
    Library("libmicrohttpd", "LGPL-2.1-or-later", "", "command"),
    Library("ncurses", "X11-distribute-modifications-variant", "", "command"),
)


def version_and_copyright(library: Library, sources: Path) -> "tuple[str, Path]":
    if library.package:
        query = ["dpkg-query", "-W", "-f", "${Version}", library.package]
        version = subprocess.run(query, check=True, stdout=subprocess.PIPE, text=True).stdout
        return version, Path("/usr/share/doc") / library.package / "copyright"
    (description,) = sources.glob(f"{library.name}_*.dsc")
    found = re.search(r"^Version: (\S+)$", description.read_text("utf-8"), re.M)
    if not found:
        sys.exit(f"{description} names no version")
    return found[1], sources / library.name / "debian" / "copyright"


def component(library: Library, version: str) -> "dict[str, object]":
    return {
        "type": "library",
        "bom-ref": library.name,
        "name": library.name,
        "version": version,
        "licenses": [{"license": {"id": library.licence}}],
        "purl": f"pkg:deb/debian/{library.name}@{version.replace('+', '%2B')}",
        "properties": [{"name": "gofer:linked-into", "value": library.inside}],
    }


def main(folder: Path, sources: Path) -> None:
    (info,) = folder.glob("gofer-*.dist-info")
    version = info.name[len("gofer-") : -len(".dist-info")]
    licences = info / "licenses"
    components = []
    for library in LIBRARIES:
        number, copyright_file = version_and_copyright(library, sources)
        shutil.copyfile(copyright_file, licences / f"{library.name}.txt")
        components.append(component(library, number))
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "gofer",
                "name": "gofer",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": f"pkg:pypi/gofer@{version}",
            }
        },
        "components": components,
        "dependencies": [{"ref": "gofer", "dependsOn": [library.name for library in LIBRARIES]}],
    }
    path = info / "sboms" / "gofer.cdx.json"
    path.parent.mkdir()
    path.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
