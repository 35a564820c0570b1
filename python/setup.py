"""setup.py - builds the module gofer._gofer and the command gofer, and carries the core's sources
into an sdist.

Everything that is fixed stands in pyproject.toml; here is what must be looked up or done: where
the core is, its version, a build folder outside the tree (so that a read-only or shared checkout
can be installed from), and the tag of a wheel that serves every CPython from 3.9 on.

  GOFER_COMMAND=0                 leaves the command out
  GOFER_LINK_OPENSSL=1            links OpenSSL, which on Linux is loaded when needed
  GOFER_LIB_DIR, GOFER_SYSTEM     link an installed libgofer (see build_gofer.py), whose command is
                                  then used
"""

import os
import shutil
import stat
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

# setuptools has a distutils of its own where Python has none any more.
from distutils.command.build_scripts import build_scripts

HERE = Path(__file__).resolve().parent
# An sdist brings what it needs of the repository in this folder.
CARRIED = HERE / "repository"
ROOT = CARRIED if CARRIED.is_dir() else HERE.parent
SCRIPT = ROOT / "bindings" / "python" / "build_gofer.py"
COMMAND = "gofer"


def compile_together(compiler, sources, **settings):
    """The objects of these C files, compiled side by side; setuptools does one after the other."""
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        made = list(pool.map(lambda source: compiler.compile([source], **settings), sources))
    return [name for names in made for name in names]


class BuildExt(build_ext):
    """Compiles the core, and keeps its objects for the command."""

    def build_extension(self, ext):
        generated, core = ext.sources[:1], ext.sources[1:]
        self.core_objects = compile_together(
            self.compiler,
            core,
            output_dir=self.build_temp,
            macros=ext.define_macros + [(name,) for name in ext.undef_macros],
            include_dirs=ext.include_dirs,
            debug=self.debug,
            extra_postargs=ext.extra_compile_args,
        )
        self.core_link_args = ext.extra_link_args
        ext.sources = generated
        ext.extra_objects = ext.extra_objects + self.core_objects
        if core:
            ext.extra_link_args = ext.extra_link_args + build_gofer.exports()
        super().build_extension(ext)

    def get_source_files(self):
        return []  # they are outside this folder, which setuptools takes for a mistake


class BuildCommand(build_scripts):
    """Links the command where installers expect scripts: a wheel's scripts are put on the PATH."""

    def run(self):
        import build_command

        self.run_command("build_ext")
        built = self.get_finalized_command("build_ext")
        plan = build_command.plan()
        for line in plan.without:
            self.warn(f"the command gofer is built without {line}")
        objects = list(built.core_objects)
        for group in plan.groups:
            objects += compile_together(
                built.compiler,
                group.sources,
                output_dir=built.build_temp,
                macros=group.macros,
                include_dirs=group.include_dirs,
                debug=built.debug,
                extra_postargs=group.args,
            )
        self.mkpath(self.build_dir)
        built.compiler.link_executable(
            objects,
            COMMAND,
            output_dir=self.build_dir,
            extra_postargs=built.core_link_args + plan.link_args,
        )
        path = Path(self.build_dir) / COMMAND
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def get_source_files(self):
        return []


class BdistWheel(bdist_wheel):
    """Adds the licence, which stands in the repository's root."""

    def write_wheelfile(self, wheelfile_base, *rest, **named):
        super().write_wheelfile(wheelfile_base, *rest, **named)
        folder = Path(wheelfile_base) / "licenses"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")


class Sdist(sdist):
    """Adds the parts of the repository that the build reads."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(
            base_dir, [name for name in files if not Path(name).is_absolute()]
        )
        target = Path(base_dir) / CARRIED.name
        for name in (
            "CMakeLists.txt",
            "LICENSE",
            "core/CMakeLists.txt",
            "bindings/python/build_gofer.py",
            "bindings/python/build_command.py",
            "bindings/python/gate.c",
            "bindings/python/gate.h",
        ):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
        rooms = sorted(each.name for each in (ROOT / "core").iterdir() if each.is_dir())
        for name in (*(f"core/{room}" for room in rooms), "bindings/lua"):
            shutil.copytree(ROOT / name, target / name)


if not SCRIPT.is_file():
    sys.exit(f"{SCRIPT} is missing: install from a checkout of gofer, or from an sdist made of one")
sys.path.insert(0, str(SCRIPT.parent))
import build_gofer  # noqa: E402

options = {
    "build": {"build_base": str(build_gofer.temporary("gofer-build-"))},
    "egg_info": {"egg_base": str(build_gofer.temporary("gofer-info-"))},
}
if not sysconfig.get_config_var("Py_GIL_DISABLED"):  # free-threaded builds have no limited API
    options["bdist_wheel"] = {"py_limited_api": "cp39"}
with_command = os.environ.get("GOFER_COMMAND") != "0" and build_gofer.linked() is None

setup(
    version=build_gofer.version(build_gofer.HEADER.read_text("utf-8")),
    cffi_modules=[f"{SCRIPT}:ffibuilder"],
    scripts=[COMMAND] if with_command else [],
    cmdclass={
        "bdist_wheel": BdistWheel,
        "build_ext": BuildExt,
        "build_scripts": BuildCommand,
        "sdist": Sdist,
    },
    options=options,
)
