// tokens.c - the file of tokens: a line NAME:ROLE:SHA-256 for each, with :QUEUES behind it if they
// are not all. Who has a password has scrypt's figures in the place of SHA-256's (passwords.h).
//
// Written anew beside the old file and moved over it, so that a reader sees one or the other. Who
// writes holds the lock on FILE.lock from before he reads, so that nobody's change is lost.
#include "tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "passwords.h"
#include "util/base64.h"
#include "util/hex.h"
#include "util/sha256.h"

enum { SECRET = 32, LINES = 1000, FILE_MAX = 768 << 10 };

typedef struct token {
    char          name[WEB_NAME_MAX], role[WEB_ROLE_MAX], queues[WEB_QUEUES_MAX];
    unsigned char digest[WEB_DIGEST_SIZE];
    web_scrypt    how;      // of a password
} token;

struct web_tokens {
    char           *path;
    struct timespec changed;
    off_t           size;
    ino_t           inode;
    token          *list;
    size_t          count;
};

static const char *because(char *why, size_t size, const char *path, const char *what)
{
    snprintf(why, size, "%s: %s", path, what);
    return why;
}

_Static_assert((int)WEB_DIGEST_SIZE == (int)GF_SHA256_SIZE, "a digest is SHA-256's");

void web_digest(const char *text, unsigned char out[WEB_DIGEST_SIZE])
{
    gf_sha256 hash;
    gf_sha256_begin(&hash);
    gf_sha256_add(&hash, text, strlen(text));
    gf_sha256_end(&hash, out);
}

// ---- reading

static bool read_digest(const char *text, size_t size, token *out)
{
    out->how = (web_scrypt){ 0 };
    return size == 2 * WEB_DIGEST_SIZE ? gf_hex_take(text, out->digest, WEB_DIGEST_SIZE)
                                       : web_scrypt_read(text, size, &out->how, out->digest);
}

// One line, without its end; false: it is none of ours.
static bool read_line(const char *line, size_t size, token *out)
{
    const char *role = memchr(line, ':', size), *end = line + size;
    const char *digest = role ? memchr(role + 1, ':', (size_t)(end - role - 1)) : NULL;
    const char *queues = digest ? memchr(digest + 1, ':', (size_t)(end - digest - 1)) : NULL;
    const char *digest_end = queues ? queues : end;
    if (!digest || role - line >= WEB_NAME_MAX || role == line || digest - role > WEB_ROLE_MAX
        || !read_digest(digest + 1, (size_t)(digest_end - digest - 1), out)
        || end - digest_end > WEB_QUEUES_MAX)
        return false;
    snprintf(out->queues, sizeof out->queues, "%.*s", queues ? (int)(end - queues - 1) : 0,
        queues ? queues + 1 : "");
    // Whatever is there in their place must not be none, which would be all.
    if (queues && !web_queues_valid(out->queues))
        return false;
    snprintf(out->name, sizeof out->name, "%.*s", (int)(role - line), line);
    snprintf(out->role, sizeof out->role, "%.*s", (int)(digest - role - 1), role + 1);
    return true;
}

static size_t read_lines(const char *text, token *list)
{
    size_t count = 0;
    for (const char *at = text; *at && count < LINES;) {
        size_t size = strcspn(at, "\n");
        count += size && *at != '#' && read_line(at, size, &list[count]);
        at += size + (at[size] == '\n');
    }
    return count;
}

// The whole file as text; NULL and errno.
static char *read_file(int fd)
{
    char *text = malloc(FILE_MAX + 1);
    size_t size = 0;
    for (ssize_t n = 1; text && n > 0 && size < FILE_MAX; size += n > 0 ? (size_t)n : 0) {
        n = read(fd, text + size, FILE_MAX - size);
        if (n < 0 && errno != EINTR) {
            free(text);
            return NULL;
        }
        n = n < 0 ? 0 : n;
    }
    if (text)
        text[size] = '\0';
    return text;
}

// The list of a file, LINES long; *count how many. A file that others may write gives nobody any
// rights: NULL and EPERM. One that is not there is empty.
static token *read_list(const char *path, size_t *count, struct stat *st)
{
    token *list = calloc(LINES, sizeof *list);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool missing = fd < 0 && errno == ENOENT, usable = fd >= 0 && fstat(fd, st) == 0;
    *count = 0;
    if (usable && st->st_mode & 022) {
        errno = EPERM;
        usable = false;
    }
    char *text = usable && list ? read_file(fd) : NULL;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (text)
        *count = read_lines(text, list);
    free(text);
    if (list && (text || missing))
        return list;
    free(list);
    errno = error;
    return NULL;
}

// ---- the server's

web_tokens *web_tokens_new(const char *path)
{
    web_tokens *tokens = calloc(1, sizeof *tokens);
    if (tokens && !(tokens->path = strdup(path))) {
        free(tokens);
        return NULL;
    }
    return tokens;
}

void web_tokens_free(web_tokens *tokens)
{
    if (!tokens)
        return;
    free(tokens->path);
    free(tokens->list);
    free(tokens);
}

static void read_again(web_tokens *tokens)
{
    struct stat st = { 0 };
    if (stat(tokens->path, &st) == 0 && tokens->list && st.st_ino == tokens->inode
        && st.st_size == tokens->size && st.st_mtim.tv_sec == tokens->changed.tv_sec
        && st.st_mtim.tv_nsec == tokens->changed.tv_nsec)
        return;
    free(tokens->list);
    tokens->list = read_list(tokens->path, &tokens->count, &st);
    tokens->inode = st.st_ino;
    tokens->size = st.st_size;
    tokens->changed = st.st_mtim;
}

bool web_digest_same(const unsigned char *a, const unsigned char *b)
{
    unsigned char differ = 0;
    for (size_t i = 0; i < WEB_DIGEST_SIZE; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

bool web_tokens_find(web_tokens *tokens, const unsigned char digest[WEB_DIGEST_SIZE],
    web_grant *out, char name[WEB_NAME_MAX])
{
    out->rights = 0;
    read_again(tokens);
    // To the end, whichever it is: how long it took is not to tell where it stands.
    for (size_t i = 0; tokens->list && i < tokens->count; i++) {
        if (!web_digest_same(digest, tokens->list[i].digest))
            continue;
        out->rights = web_role(tokens->list[i].role);
        memcpy(out->queues, tokens->list[i].queues, WEB_QUEUES_MAX);
        memcpy(name, tokens->list[i].name, WEB_NAME_MAX);
    }
    return out->rights != 0;
}

web_password_known web_tokens_password(web_tokens *tokens, const char *name, web_scrypt *how,
    unsigned char digest[WEB_DIGEST_SIZE])
{
    web_password_known known = WEB_PASSWORDS_NONE;
    *how = web_scrypt_usual();
    read_again(tokens);
    for (size_t i = 0; tokens->list && i < tokens->count; i++) {
        const token *t = &tokens->list[i];
        if (!t->how.n)
            continue;
        bool his = strcmp(t->name, name) == 0;
        known = his || known == WEB_PASSWORD_HIS ? WEB_PASSWORD_HIS : WEB_PASSWORDS_OTHERS;
        if (his) {
            *how = t->how;
            memcpy(digest, t->digest, WEB_DIGEST_SIZE);
        }
    }
    return known;
}

bool web_tokens_there(web_tokens *tokens)
{
    read_again(tokens);
    return !tokens->list || tokens->count > 0;
}

// ---- writing

static bool write_list(FILE *file, const token *list, size_t count)
{
    fputs("# NAME:ROLE:SHA-256 of gofer's web tokens, or NAME:ROLE:scrypt$... of passwords; "
        "'gofer web token' writes it\n", file);
    for (size_t i = 0; i < count; i++) {
        char digest[WEB_SCRYPT_TEXT];
        if (list[i].how.n)
            web_scrypt_write(&list[i].how, list[i].digest, digest);
        else
            *gf_hex_put(digest, list[i].digest, WEB_DIGEST_SIZE) = '\0';
        fprintf(file, "%s:%s:%s%s%s\n", list[i].name, list[i].role, digest,
            *list[i].queues ? ":" : "", list[i].queues);
    }
    return fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;
}

// The old file's owner and readers stay: the server may run as somebody else than who adds tokens.
static void take_after(int fd, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    int ignored = fchown(fd, st.st_uid, st.st_gid);
    ignored |= fchmod(fd, st.st_mode & 0755);
    (void)ignored;      // whoever may not do that owns the file himself
}

static bool replace_file(const char *path, const token *list, size_t count)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkstemp(beside);       // 0600
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file)
        take_after(fd, path);
    bool written = file && write_list(file, list, count);
    int error = errno;
    if (file && fclose(file) != 0 && written) {
        written = false;
        error = errno;
    } else if (!file && fd >= 0) {
        close(fd);
    }
    if (written && rename(beside, path) == 0)
        return true;
    error = written ? errno : error;
    if (fd >= 0)
        unlink(beside);
    errno = error;
    return false;
}

static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._@-";
    size_t size = strlen(name);
    return size && size < WEB_NAME_MAX && strspn(name, allowed) == size;
}

bool web_random_text(char out[WEB_SECRET_SIZE])
{
    unsigned char secret[SECRET];
    char text[GF_BASE64_ROOM(SECRET)];
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return false;
    gf_base64_encode(secret, sizeof secret, text);
    for (char *at = text; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    snprintf(out, WEB_SECRET_SIZE, "%.43s", text);      // without the padding
    return true;
}

static bool make_token(char out[WEB_TOKEN_SIZE])
{
    char secret[WEB_SECRET_SIZE];
    if (!web_random_text(secret))
        return false;
    snprintf(out, WEB_TOKEN_SIZE, "gofer_%s", secret);
    return true;
}

static size_t find(const token *list, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(list[i].name, name) != 0)
        i++;
    return i;
}

// Waits for who writes the file now. -1 and errno: it cannot be locked.
static int lock_file(const char *path)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.lock", path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600), locked = -1;
    while (fd >= 0 && (locked = flock(fd, LOCK_EX)) != 0 && errno == EINTR)
        continue;
    if (fd >= 0 && locked != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

// What changes the list; NULL, or why not. There is room for one more.
typedef const char *(*change)(token *list, size_t *count, void *user, char *why, size_t size);

static const char *change_list(const char *path, change how, void *user, char *why,
    size_t size)
{
    struct stat st;
    size_t count = 0;
    int lock = lock_file(path);
    token *list = lock >= 0 ? read_list(path, &count, &st) : NULL;
    const char *failed = list ? how(list, &count, user, why, size)
        : because(why, size, path, errno == EPERM ? "others may write it" : strerror(errno));
    if (!failed && !replace_file(path, list, count))
        failed = because(why, size, path, strerror(errno));
    free(list);
    if (lock >= 0)
        close(lock);
    return failed;
}

static const char *add(token *list, size_t *count, void *user, char *why, size_t size)
{
    const token *made = user;
    if (find(list, *count, made->name) < *count)
        return because(why, size, made->name, "there is a token of this name");
    if (*count == LINES)
        return because(why, size, made->name, "there are 1000 tokens already");
    list[(*count)++] = *made;
    return NULL;
}

// What is known of it before its secret. NULL, or why not.
static const char *begin(token *made, const web_token *wanted, char *why, size_t size)
{
    *made = (token){ 0 };
    if (!is_name(wanted->name))
        return because(why, size, wanted->name, "a name has 1 to 63 letters, digits or ._@-");
    if (*wanted->queues && !web_queues_valid(wanted->queues))
        return because(why, size, wanted->queues, "queues are names or patterns with commas "
            "between them, 255 bytes at the most");
    if (!web_role(wanted->role) || strlen(wanted->role) >= WEB_ROLE_MAX)
        return because(why, size, wanted->role, "there is no such role: see, operate, admin, "
            "metrics, or rights with commas between them");
    snprintf(made->name, sizeof made->name, "%s", wanted->name);
    snprintf(made->role, sizeof made->role, "%s", wanted->role);
    snprintf(made->queues, sizeof made->queues, "%s", wanted->queues);
    return NULL;
}

const char *web_token_add(const char *path, const web_token *wanted, char text[WEB_TOKEN_SIZE],
    char *why, size_t size)
{
    token made;
    const char *failed = begin(&made, wanted, why, size);
    if (failed)
        return failed;
    if (!make_token(text))
        return because(why, size, "random bytes", strerror(errno));
    web_digest(text, made.digest);
    return change_list(path, add, &made, why, size);
}

const char *web_password_add(const char *path, const web_token *wanted, const char *password,
    char *why, size_t size)
{
    token made;
    const char *failed = begin(&made, wanted, why, size);
    if (!failed)
        failed = web_password_fault(password);
    if (failed)
        return failed;
    if (!web_scrypt_fresh(&made.how))
        return because(why, size, "random bytes", strerror(errno));
    failed = web_scrypt_run(&made.how, password, made.digest, why, size);
    return failed ? failed : change_list(path, add, &made, why, size);
}

static const char *take_away(token *list, size_t *count, void *user, char *why, size_t size)
{
    const char *name = user;
    size_t at = find(list, *count, name);
    if (at == *count)
        return because(why, size, name, "there is no token of this name");
    memmove(&list[at], &list[at + 1], (*count - at - 1) * sizeof *list);
    (*count)--;
    return NULL;
}

const char *web_token_remove(const char *path, const char *name, char *why, size_t size)
{
    char copy[WEB_NAME_MAX];
    snprintf(copy, sizeof copy, "%s", name);        // one that is longer is none
    return change_list(path, take_away, copy, why, size);
}

const char *web_token_each(const char *path, void (*each)(void *, const web_token *), void *user,
    char *why, size_t size)
{
    struct stat st;
    size_t count;
    token *list = read_list(path, &count, &st);
    if (!list)
        return because(why, size, path, errno == EPERM ? "others may write it" : strerror(errno));
    for (size_t i = 0; i < count; i++)
        each(user, &(web_token){ list[i].name, list[i].role, list[i].queues,
            list[i].how.n != 0 });
    free(list);
    return NULL;
}
