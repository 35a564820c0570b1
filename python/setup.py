"""setup.py - builds the module gofer._gofer and carries the core's sources into an sdist.

Everything that is fixed stands in pyproject.toml; here is what must be looked up or done: where
the core is, its version, a build folder outside the tree (so that a read-only or shared checkout
can be installed from), and the tag of a wheel that serves every CPython from 3.9 on.
"""

import atexit
import importlib.util
import shutil
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
# An sdist brings what it needs of the repository in this folder.
CARRIED = HERE / "repository"
ROOT = CARRIED if CARRIED.is_dir() else HERE.parent
SCRIPT = ROOT / "bindings" / "python" / "build_gofer.py"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BuildExt(build_ext):
    """Compiles the C files of the core side by side; setuptools does one after the other."""

    def build_extension(self, ext):
        generated, core = ext.sources[:1], ext.sources[1:]
        macros = ext.define_macros + [(name,) for name in ext.undef_macros]

        def compile_one(source):
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                macros=macros,
                include_dirs=ext.include_dirs,
                debug=self.debug,
                extra_postargs=ext.extra_compile_args,
            )

        with ThreadPoolExecutor(cpu_count() or 1) as pool:
            objects = list(pool.map(compile_one, core))
        ext.sources = generated
        ext.extra_objects = ext.extra_objects + [name for names in objects for name in names]
        super().build_extension(ext)

    def get_source_files(self):
        return []  # they are outside this folder, which setuptools takes for a mistake


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
        ):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
        for name in ("core/include", "core/src"):
            shutil.copytree(ROOT / name, target / name)


def temporary(prefix):
    folder = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


if not SCRIPT.is_file():
    sys.exit(f"{SCRIPT} is missing: install from a checkout of gofer, or from an sdist made of one")
script = load(SCRIPT)

options = {
    "build": {"build_base": temporary("gofer-build-")},
    "egg_info": {"egg_base": temporary("gofer-info-")},
}
if not sysconfig.get_config_var("Py_GIL_DISABLED"):  # free-threaded builds have no limited API
    options["bdist_wheel"] = {"py_limited_api": "cp39"}

setup(
    version=script.version(script.HEADER.read_text("utf-8")),
    cffi_modules=[f"{SCRIPT}:ffibuilder"],
    cmdclass={"build_ext": BuildExt, "sdist": Sdist},
    options=options,
)
