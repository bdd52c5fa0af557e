/* Disturbs one system call of a program: loaded before it (LD_PRELOAD), it numbers the calls that concern files below a folder,
 * those of all threads and also those that no function of the C library makes, and lets a single one end badly.
 *
 *   FAULT_ROOT   the folder; calls about anything else pass unseen
 *   FAULT_LOG    where to write "number name path" of the calls (FAULT_AT=0), or of the disturbed one
 *   FAULT_AT     the number of the call to disturb
 *   FAULT_KIND   kill: the process ends before the call; torn: a write writes its first half, then the process ends;
 *                short: a write or read does half and says so; full: this call and all later ones that need space
 *                fail with ENOSPC; a number: the call fails with this errno
 *
 * A seccomp filter turns the calls into SIGSYS, whose handler makes them from the one address that the filter lets through.
 * Linux on x86-64.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* What a call's arguments say about files: a descriptor, a path, a folder's descriptor and a path, and again for a second path. */
enum shape { FD, PATH, AT, PATHS, ATS };

static const struct call {
    int number;
    const char *name;
    enum shape shape;
} CALLS[] = {
    {SYS_read, "read", FD},           {SYS_write, "write", FD},         {SYS_pread64, "pread", FD},
    {SYS_pwrite64, "pwrite", FD},     {SYS_readv, "readv", FD},         {SYS_writev, "writev", FD},
    {SYS_open, "open", PATH},         {SYS_openat, "openat", AT},       {SYS_creat, "creat", PATH},
    {SYS_fsync, "fsync", FD},         {SYS_fdatasync, "fdatasync", FD}, {SYS_ftruncate, "ftruncate", FD},
    {SYS_rename, "rename", PATHS},    {SYS_renameat, "renameat", ATS},  {SYS_renameat2, "renameat2", ATS},
    {SYS_link, "link", PATHS},        {SYS_linkat, "linkat", ATS},      {SYS_unlink, "unlink", PATH},
    {SYS_unlinkat, "unlinkat", AT},   {SYS_mkdir, "mkdir", PATH},       {SYS_mkdirat, "mkdirat", AT},
    {SYS_rmdir, "rmdir", PATH},       {SYS_chmod, "chmod", PATH},       {SYS_fchmod, "fchmod", FD},
    {SYS_fchmodat, "fchmodat", AT},   {SYS_getdents64, "getdents", FD}, {SYS_statx, "statx", AT},
    {SYS_newfstatat, "fstatat", AT},  {SYS_stat, "stat", PATH},         {SYS_fstat, "fstat", FD},
    {SYS_lseek, "lseek", FD},         {SYS_flock, "flock", FD},         {SYS_copy_file_range, "copy_file_range", FD},
    {SYS_symlink, "symlink", PATHS},  {SYS_symlinkat, "symlinkat", ATS}, {SYS_utimensat, "utimensat", AT},
};
enum { COUNT = sizeof CALLS / sizeof *CALLS, LONGEST = 4096 };

static char root[LONGEST];
static long at;
static char kind[16];
static int log_file = -1;
static atomic_long seen;
static atomic_int full;

/* raw(number, a, b, c, d, e, f): the call itself, from the address that the filter knows. */
long raw(long number, ...);
extern const char raw_returns[];
__asm__(".text\n.type raw,@function\n.hidden raw\nraw:\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\nmov %r8,%r10\nmov %r9,%r8\nmov 8(%rsp),%r9\n"
        "syscall\n.hidden raw_returns\nraw_returns:\nret\n");
static long call(long number, long a, long b, long c, long d, long e, long f) { return raw(number, a, b, c, d, e, f); }

static int below(const char *path) {
    size_t length = strlen(root);
    return !strncmp(path, root, length) && (path[length] == '/' || path[length] == 0);
}

/* The path of a descriptor, or of the current folder. */
static void path_of(int fd, char *out) {
    char link[64] = "/proc/self/cwd";
    if (fd != AT_FDCWD) {
        char digits[16];
        int n = 0, at = 14;
        strcpy(link, "/proc/self/fd/");
        do digits[n++] = '0' + fd % 10; while ((fd /= 10));
        while (n) link[at++] = digits[--n];
        link[at] = 0;
    }
    long length = call(SYS_readlink, (long)link, (long)out, LONGEST - 1, 0, 0, 0);
    out[length < 0 ? 0 : length] = 0;
}

static void path_at(int fd, const char *path, char *out) {
    size_t begin = 0;
    if (!path || path[0] != '/') {
        path_of(fd, out);
        begin = strlen(out);
        if (path && path[0] && begin + 1 < LONGEST) out[begin++] = '/';
    }
    size_t length = path ? strnlen(path, LONGEST - 1 - begin) : 0;
    memcpy(out + begin, path, length);
    out[begin + length] = 0;
}

static int concerns(const struct call *c, const long *a, char *path) {
    switch (c->shape) {
    case FD: path_of(a[0], path); break;
    case PATH: case PATHS: path_at(AT_FDCWD, (char *)a[0], path); break;
    case AT: case ATS: path_at(a[0], (char *)a[1], path); break;
    }
    if (below(path)) return 1;
    if (c->shape == PATHS) path_at(AT_FDCWD, (char *)a[1], path);
    if (c->shape == ATS) path_at(a[2], (char *)a[3], path);
    return below(path);
}

static void note(long number, const char *name, const char *path) {
    char line[LONGEST + 64], digits[24];
    size_t n = 0, length = 0;
    do digits[n++] = '0' + number % 10; while ((number /= 10));
    while (n) line[length++] = digits[--n];
    line[length++] = ' ';
    length += stpcpy(line + length, name) - (line + length);
    line[length++] = ' ';
    length += stpcpy(line + length, path) - (line + length);
    line[length++] = '\n';
    call(SYS_write, log_file, (long)line, length, 0, 0, 0);
}

static int needs_space(const struct call *c, const long *a) {
    switch (c->number) {
    case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_mkdir: case SYS_mkdirat: case SYS_creat: case SYS_fsync:
    case SYS_fdatasync: case SYS_ftruncate: case SYS_link: case SYS_linkat: case SYS_rename: case SYS_renameat: return 1;
    case SYS_open: return (a[1] & O_CREAT) != 0;
    case SYS_openat: return (a[2] & O_CREAT) != 0;
    default: return 0;
    }
}

static long disturbed(const struct call *c, long *a) {
    int moves = c->number == SYS_write || c->number == SYS_read || c->number == SYS_pwrite64 || c->number == SYS_pread64;
    if (!strcmp(kind, "torn") && moves) call(c->number, a[0], a[1], a[2] / 2, a[3], a[4], a[5]);
    if (!strcmp(kind, "kill") || !strcmp(kind, "torn")) call(SYS_kill, getpid(), SIGKILL, 0, 0, 0, 0);
    if (!strcmp(kind, "short") && moves && a[2] > 1) a[2] /= 2;
    if (!strcmp(kind, "full")) full = 1;
    int error = full && needs_space(c, a) ? ENOSPC : atoi(kind);
    return error ? -error : call(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void on_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long a[6] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]};
    const struct call *c = CALLS;
    while (c < CALLS + COUNT - 1 && c->number != info->si_syscall) c++;
    char path[2 * LONGEST];
    long result;
    int concerned = c->number == info->si_syscall && concerns(c, a, path);
    long number = concerned ? ++seen : 0;
    if (concerned && !at) note(number, c->name, path);
    if (concerned && number == at) {
        note(number, c->name, path);
        result = disturbed(c, a);
    } else if (concerned && full && needs_space(c, a)) {
        result = -ENOSPC;
    } else {
        result = call(info->si_syscall, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    r[REG_RAX] = result;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULT_ROOT"), *log = getenv("FAULT_LOG"), *number = getenv("FAULT_AT"), *what = getenv("FAULT_KIND");
    if (!folder || !log || !number || !what) return;
    strncpy(root, folder, sizeof root - 1);
    strncpy(kind, what, sizeof kind - 1);
    at = atol(number);
    log_file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSYS, &action, NULL);
    struct sock_filter code[COUNT + 9];
    size_t n = 0;
    uint64_t from = (uint64_t)raw_returns;
    /* Pass what comes from `raw`, trap the calls of the table, pass all others. */
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)from, 0, 2);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(from >> 32), COUNT + 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].number, COUNT - i, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {.len = n, .filter = code};
    if (log_file < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) _exit(125);
}
