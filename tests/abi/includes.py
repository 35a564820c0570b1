"""Every source file includes what it uses: a standard function's header is named by the file, or by
a header of ours that it includes. What some other library's header happens to bring along is not
there on the next system.

    includes.py ROOT
"""
import pathlib
import re
import subprocess
import sys

USES = {
    "stdlib.h": (
        "malloc calloc realloc free getenv setenv unsetenv exit _Exit abort qsort bsearch strtol"
        " strtoll strtoul strtoull strtod atoi system mkdtemp mkstemp realpath"
    ),
    "string.h": (
        "memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr strstr"
        " strpbrk strspn strcspn strerror strcpy strncpy strcat strdup strsep"
    ),
    "strings.h": "strcasecmp strncasecmp",
    "stdio.h": (
        "printf fprintf snprintf vsnprintf sprintf puts fputs fputc putchar fopen fclose fflush"
        " fread fwrite fgets ferror getline fdopen fileno popen pclose rename sscanf setvbuf perror"
    ),
    "unistd.h": (
        "close read write pread pwrite unlink rmdir fork execv execve execvp getpid getppid geteuid"
        " getuid isatty usleep sleep pipe dup2 access chdir getcwd lseek fsync fdatasync ftruncate"
        " readlink sysconf _exit"
    ),
    "fcntl.h": "open openat fcntl posix_fallocate",
    "signal.h": (
        "kill sigaction sigemptyset sigfillset sigaddset raise pthread_sigmask sigwait sigtimedwait"
    ),
    "time.h": "time clock_gettime nanosleep localtime_r gmtime_r mktime timegm strftime tzset",
    "pthread.h": (
        "pthread_create pthread_join pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait"
        " pthread_cond_signal pthread_cond_broadcast pthread_mutex_init pthread_once"
    ),
    "sys/stat.h": "stat fstat lstat mkdir chmod fchmod mknod mkfifo umask",
    "sys/wait.h": "waitpid",
    "sys/mman.h": "mmap munmap",
    "dlfcn.h": "dlopen dlsym dlclose dlerror",
    "ctype.h": "isalpha isalnum isdigit isspace iscntrl tolower toupper isxdigit",
    "assert.h": "assert",
    "poll.h": "poll",
    "sys/socket.h": "socket bind listen accept connect setsockopt getsockopt shutdown send recv",
    "math.h": "floor ceil round llround fabs isfinite isnan pow exp log log10 sqrt ldexp frexp",
    "inttypes.h": "PRId64 PRIu64 PRIx64",
    "errno.h": "errno",
    "stdarg.h": "va_start va_end",
    "limits.h": "PATH_MAX INT_MAX LONG_MAX",
    "stdbool.h": "bool true false",
    "stdint.h": (
        "int64_t int32_t uint64_t uint32_t uint8_t uint16_t INT64_C UINT64_C INT64_MAX INT32_MAX"
        " SIZE_MAX"
    ),
    "stddef.h": "offsetof",
}
WORDS = {
    "inttypes.h",
    "errno.h",
    "limits.h",
    "stdbool.h",
    "stdint.h",
}  # not only where they are called
# A header that promises another's names: C11 and POSIX say so.
BRINGS = {"inttypes.h": {"stdint.h"}, "unistd.h": set(), "sys/wait.h": {"signal.h"}}


def bare(text):
    """Without comments and texts; lines stay."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*',
                  lambda m: m.group(0)[0] * 2 if m.group(0)[0] != "/" else "", text)


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = self.tracked() or sorted(
            path
            for part in ("core", "bindings", "tests", "examples")
            for path in (root / part).rglob("*.[ch]")
        )
        self.text = {path: path.read_text() for path in self.files if path.exists()}
        self.known = {}

    def tracked(self):
        """None in a tree that came as an archive, or where there is no git."""
        try:
            listed = subprocess.run(
                ["git", "-C", self.root, "ls-files", "*.c", "*.h"], capture_output=True, text=True
            )
        except OSError:
            return []
        return [self.root / name for name in listed.stdout.split()]

    def find(self, name, beside):
        for folder in (
            beside.parent,
            self.root / "core/src",
            self.root / "core/include",
            self.root / "core/cli",
            self.root / "core",
            self.root / "tests",
            self.root / "tests/conformance",
            self.root / "bindings/lua",
            self.root / "core/lua",
        ):
            path = (folder / name).resolve()
            if path in self.text:
                return path
        return None

    def system(self, path):
        """The <headers> of a file and of those of ours that it includes."""
        if path not in self.known:
            self.known[path] = set()
            found = set(re.findall(r"^\s*#\s*include\s*<([^>]+)>", self.text[path], re.M))
            for name in re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', self.text[path], re.M):
                ours = self.find(name, path)
                if ours:
                    found |= self.system(ours)
            for header in list(found):
                found |= BRINGS.get(header, set())
            self.known[path] = found
        return self.known[path]

    def missing(self, path):
        code, there = bare(self.text[path]), self.system(path)
        # What is called, but for members, and what is only named: where it first is.
        called, named = {}, {}
        for found in re.finditer(r"(?<![\w.>])([A-Za-z_]\w*)(\s*\()?", code):
            named.setdefault(found.group(1), found.start())
            if found.group(2):
                called.setdefault(found.group(1), found.start())
        for header, names in USES.items():
            for name in names.split() if header not in there else []:
                at = (named if header in WORDS else called).get(name)
                own = r"^#\s*define\s+" + name + r"\b|^static [^;=]*\b" + name + r"\("
                if at is not None and not re.search(own, code, re.M):
                    yield header, name, code.count("\n", 0, at) + 1


def main():
    tree = Tree(pathlib.Path(sys.argv[1]).resolve())
    wrong = 0
    for path in tree.files:
        if path.suffix not in (".c", ".h") or path not in tree.text:
            continue
        for header, name, line in tree.missing(path):
            print(f"{path.relative_to(tree.root)}:{line}: uses {name}, includes no <{header}>")
            wrong += 1
    print(f"{len(tree.text)} files, {wrong} missing includes")
    assert len(tree.text) > 200
    sys.exit(wrong > 0)


main()
