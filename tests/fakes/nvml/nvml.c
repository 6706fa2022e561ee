/* A stand-in for libnvidia-ml.so.1: what the collector calls, answered from a scenario file.
 *
 * NVML_SCENARIO names a text file of lines `<gpu> <field> <value>`, read again whenever it has changed (replace it by
 * rename), unless it says `* still 1`. The gpu `*` is the machine: `* init <code>`, `* count <n>`, `* driver`, `* cuda`,
 * `* tick <n>`, `* seed <n>`.
 * A field that is not in the file is not supported by that GPU.
 *
 * Values: a number; a text; `!<code>` makes the call return that nvmlReturn_t; `!hang` makes it hang until the file
 * says otherwise; `~60 20` is 60 plus a part of 20 that seed, gpu, field and tick decide; `+1000 50` is a counter, 1000
 * plus 50 for every tick.
 *
 * Of a whole GPU: `lost 1` (every call returns GPU_IS_LOST), `lost_after <n>` (after n more calls), `hang 1`.
 * Repeated lines: `xid <code>` (delivered in order to event sets that were there before), `process <pid> <bytes> [gi]`,
 * `mig <gi> <ci> <profile> <size> <used>`. `fi_<id> <type>:<value>` is a field value of type d, ui, ul, ull, sll, si;
 * `fi_<id>.<scope>` one of a scope. `gpm_<id>` is what a part of the GPU does at the time of a sample.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10, GPU_IS_LOST = 15, UNKNOWN = 999, NO_INSTANCE = 0xFFFFFFFF
};
enum { MOST_LINES = 4096, MOST_GPUS = 16, MOST_PARTS = 8, MOST_SAMPLES = 128 };

typedef unsigned long long u64;
typedef struct device { char gpu[8]; int part; } *device; /* part: 1 + the place of a MIG line, 0 for the whole GPU */
struct line { char gpu[8], field[40], value[128]; struct line *next; /* of the same GPU */ };

static struct device gpus[MOST_GPUS], parts[MOST_GPUS][MOST_PARTS];
static struct line lines[MOST_LINES], *firsts[MOST_GPUS + 1]; /* the last one of the machine */
static int line_count;
static u64 calls[MOST_GPUS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void nap(long milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static struct line **first_of(const char *gpu) {
    int number = gpu[0] == '*' ? MOST_GPUS : atoi(gpu);
    return &firsts[number < 0 || number > MOST_GPUS ? MOST_GPUS : number];
}

/* The nth line of a field; with the lock held. */
static struct line *find(const char *gpu, const char *field, int nth) {
    for (struct line *line = *first_of(gpu); line; line = line->next)
        if (!strcmp(line->field, field) && nth-- == 0) return line;
    return NULL;
}

static u64 plain(const char *gpu, const char *field, u64 otherwise) {
    struct line *line = find(gpu, field, 0);
    return line ? strtoull(line->value, NULL, 0) : otherwise;
}

/* Reads the file if it has changed; with the lock held. */
static int refresh(void) {
    static struct timespec read_at;
    static ino_t inode;
    static char path_read[512];
    char text[256];
    struct stat status;
    static int is_still;
    const char *path = getenv("NVML_SCENARIO");
    FILE *file;
    if (is_still && path && !strcmp(path, path_read)) return SUCCESS;
    if (!path || stat(path, &status)) return UNKNOWN;
    if (status.st_ino == inode && status.st_mtim.tv_sec == read_at.tv_sec && status.st_mtim.tv_nsec == read_at.tv_nsec &&
        !strcmp(path, path_read)) return SUCCESS;
    if (!(file = fopen(path, "r"))) return UNKNOWN;
    line_count = 0;
    memset(calls, 0, sizeof calls);
    while (line_count < MOST_LINES && fgets(text, sizeof text, file)) {
        struct line *line = &lines[line_count];
        if (sscanf(text, "%7s %39s %127[^\n]", line->gpu, line->field, line->value) == 3) line_count++;
    }
    fclose(file);
    memset(firsts, 0, sizeof firsts);
    for (int i = line_count - 1; i >= 0; i--) {
        struct line **first = first_of(lines[i].gpu);
        lines[i].next = *first;
        *first = &lines[i];
    }
    read_at = status.st_mtim;
    inode = status.st_ino;
    snprintf(path_read, sizeof path_read, "%s", path);
    is_still = *first_of("*") && plain("*", "still", 0);
    return SUCCESS;
}

/* A number from 0 to 1 that seed, gpu, field and tick decide (FNV-1a and a last mix). */
static double chance(const char *gpu, const char *field) {
    char key[128];
    u64 hash = 14695981039346656037ull;
    snprintf(key, sizeof key, "%llu %s %s %llu", plain("*", "seed", 0), gpu, field, plain("*", "tick", 0));
    for (const char *c = key; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211ull;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdull;
    hash ^= hash >> 33;
    return (double)(hash >> 11) / (double)(1ull << 53);
}

static double evaluate(const char *gpu, const char *field, const char *text) {
    double base, more;
    if (sscanf(text, "~%lf %lf", &base, &more) == 2) return base + more * chance(gpu, field);
    if (sscanf(text, "+%lf %lf", &base, &more) == 2) return base + more * (double)plain("*", "tick", 0);
    return strchr(text, 'x') ? (double)strtoull(text, NULL, 0) : strtod(text, NULL);
}

/* Waits out `hang`, then says what a call for this field returns, with its line. The lock is held on return. */
static int look_up(const char *gpu, const char *field, struct line **found) {
    int number = atoi(gpu);
    pthread_mutex_lock(&lock);
    for (;;) {
        int code = refresh();
        struct line *line = find(gpu, field, 0), *after = find(gpu, "lost_after", 0);
        if (code) return code;
        if (!plain(gpu, "hang", 0) && !(line && !strcmp(line->value, "!hang"))) {
            if (plain(gpu, "lost", 0)) return GPU_IS_LOST;
            if (gpu[0] != '*' && after && ++calls[number] > strtoull(after->value, NULL, 0)) return GPU_IS_LOST;
            if (found) *found = line;
            if (!line) return NOT_SUPPORTED;
            return line->value[0] == '!' ? atoi(line->value + 1) : SUCCESS;
        }
        pthread_mutex_unlock(&lock);
        nap(2);
        pthread_mutex_lock(&lock);
    }
}

static int real(const char *gpu, const char *field, double *value) {
    struct line *line;
    int code = look_up(gpu, field, &line);
    if (code == SUCCESS) *value = evaluate(gpu, field, line->value);
    pthread_mutex_unlock(&lock);
    return code;
}
static int number(const char *gpu, const char *field, u64 *value) {
    double found;
    int code = real(gpu, field, &found);
    if (code == SUCCESS) *value = (u64)found;
    return code;
}
static int small(device gpu, const char *field, unsigned *value) {
    u64 found = 0;
    int code = gpu->part ? NOT_SUPPORTED : number(gpu->gpu, field, &found);
    if (code == SUCCESS) *value = (unsigned)found;
    return code;
}
static int text(const char *gpu, const char *field, char *value, unsigned length) {
    struct line *line;
    int code = look_up(gpu, field, &line);
    if (code == SUCCESS) snprintf(value, length, "%s", line->value);
    pthread_mutex_unlock(&lock);
    return code;
}
static unsigned alive(device gpu) { /* the code that the state of the whole GPU gives */
    int code = look_up(gpu->gpu, "", NULL);
    pthread_mutex_unlock(&lock);
    return code == NOT_SUPPORTED ? SUCCESS : code;
}
static int is_divided(device gpu) {
    unsigned mode = 0;
    return !gpu->part && small(gpu, "mig_mode", &mode) == SUCCESS && mode;
}

/* --- the library and the machine */
int nvmlInitWithFlags(unsigned flags) {
    u64 unused;
    int code = number("*", "init", &unused);
    (void)flags;
    return code == NOT_SUPPORTED ? SUCCESS : code;
}
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : "fake error"; }
int nvmlSystemGetDriverVersion(char *value, unsigned length) { return text("*", "driver", value, length); }
int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    u64 found = 0;
    int code = number("*", "cuda", &found);
    if (code == SUCCESS) *version = (int)found;
    return code;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    u64 found = 0;
    int code = number("*", "count", &found);
    if (code == SUCCESS) *count = (unsigned)found;
    return code;
}

/* --- who a GPU is */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *gpu) {
    char name[8];
    u64 unused;
    int code;
    if (index >= MOST_GPUS) return INVALID_ARGUMENT;
    snprintf(name, sizeof name, "%u", index);
    code = number(name, "handle", &unused);
    if (code != SUCCESS && code != NOT_SUPPORTED) return code;
    strcpy(gpus[index].gpu, name);
    *gpu = &gpus[index];
    return SUCCESS;
}
static struct line *part_of(device gpu, u64 numbers[4], char profile[32]) { /* with the lock held */
    struct line *line = find(gpu->gpu, "mig", gpu->part - 1);
    if (line) sscanf(line->value, "%llu %llu %31s %llu %llu", &numbers[0], &numbers[1], profile, &numbers[2], &numbers[3]);
    return line;
}
static int part(device gpu, u64 numbers[4], char profile[32]) {
    int code = look_up(gpu->gpu, "mig", NULL);
    if (code == SUCCESS && !part_of(gpu, numbers, profile)) code = NOT_FOUND;
    pthread_mutex_unlock(&lock);
    return code;
}
int nvmlDeviceGetUUID(device gpu, char *value, unsigned length) {
    int code = text(gpu->gpu, "uuid", value, length);
    if (code == SUCCESS && gpu->part) snprintf(value, length, "MIG-%s-%d", gpu->gpu, gpu->part - 1);
    return code;
}
int nvmlDeviceGetName(device gpu, char *value, unsigned length) {
    u64 numbers[4];
    char profile[32], name[96];
    int code = text(gpu->gpu, "model", name, sizeof name);
    if (code) return code;
    if (!gpu->part) return snprintf(value, length, "%s", name), SUCCESS;
    code = part(gpu, numbers, profile);
    if (code == SUCCESS) snprintf(value, length, "%s MIG %s", name, profile);
    return code;
}
struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
int nvmlDeviceGetPciInfo_v3(device gpu, struct pci *pci) { return text(gpu->gpu, "pci", pci->bus_id, sizeof pci->bus_id); }

/* --- load and memory */
struct rates { unsigned gpu, memory; };
int nvmlDeviceGetUtilizationRates(device gpu, struct rates *rates) {
    int code = is_divided(gpu) ? NOT_SUPPORTED : small(gpu, "utilization", &rates->gpu);
    return code ? code : small(gpu, "memory_busy", &rates->memory);
}
static int engine(device gpu, const char *field, unsigned *busy, unsigned *period) {
    *period = 167000;
    return is_divided(gpu) ? NOT_SUPPORTED : small(gpu, field, busy);
}
int nvmlDeviceGetEncoderUtilization(device gpu, unsigned *busy, unsigned *us) { return engine(gpu, "encoder", busy, us); }
int nvmlDeviceGetDecoderUtilization(device gpu, unsigned *busy, unsigned *us) { return engine(gpu, "decoder", busy, us); }
int nvmlDeviceGetJpgUtilization(device gpu, unsigned *busy, unsigned *us) { return engine(gpu, "jpeg", busy, us); }
int nvmlDeviceGetOfaUtilization(device gpu, unsigned *busy, unsigned *us) { return engine(gpu, "optical_flow", busy, us); }

static int memory(device gpu, u64 *total, u64 *used, u64 *reserved) {
    u64 numbers[4] = {0};
    char profile[32];
    int code = gpu->part ? part(gpu, numbers, profile) : number(gpu->gpu, "memory_size", total);
    if (gpu->part) *total = numbers[2], *used = numbers[3], *reserved = 0;
    else if (!code) code = number(gpu->gpu, "memory_used", used);
    if (!code && !gpu->part && number(gpu->gpu, "memory_reserved", reserved)) *reserved = 0;
    return code;
}
struct memory { u64 total, free, used; };
int nvmlDeviceGetMemoryInfo(device gpu, struct memory *found) {
    u64 reserved = 0;
    int code = memory(gpu, &found->total, &found->used, &reserved);
    found->used += reserved; /* as the old call does */
    found->free = found->total - found->used;
    return code;
}
struct memory_v2 { unsigned version; u64 total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(device gpu, struct memory_v2 *found) {
    int code = memory(gpu, &found->total, &found->used, &found->reserved);
    found->free = found->total - found->used - found->reserved;
    return code;
}

/* --- heat, power, clocks */
struct temperature { unsigned version; int sensor; int degrees; };
int nvmlDeviceGetTemperature(device gpu, int sensor, unsigned *degrees) {
    return sensor == 0 ? small(gpu, "temperature", degrees) : INVALID_ARGUMENT;
}
int nvmlDeviceGetTemperatureV(device gpu, struct temperature *reading) {
    return nvmlDeviceGetTemperature(gpu, reading->sensor, (unsigned *)&reading->degrees);
}
int nvmlDeviceGetNumFans(device gpu, unsigned *count) { return small(gpu, "fans", count); }
int nvmlDeviceGetFanSpeed_v2(device gpu, unsigned fan, unsigned *percent) {
    (void)fan;
    return small(gpu, "fan_percent", percent);
}
int nvmlDeviceGetPowerUsage(device gpu, unsigned *milliwatts) { return small(gpu, "power_mw", milliwatts); }
int nvmlDeviceGetEnforcedPowerLimit(device gpu, unsigned *milliwatts) { return small(gpu, "power_limit_mw", milliwatts); }
int nvmlDeviceGetTotalEnergyConsumption(device gpu, u64 *millijoules) {
    return number(gpu->gpu, "energy_mj", millijoules);
}
int nvmlDeviceGetClockInfo(device gpu, int kind, unsigned *megahertz) {
    return small(gpu, kind == 1 ? "sm_mhz" : "memory_mhz", megahertz);
}
int nvmlDeviceGetCurrentClocksEventReasons(device gpu, u64 *reasons) { return number(gpu->gpu, "throttle_reasons", reasons); }
int nvmlDeviceGetCurrentClocksThrottleReasons(device gpu, u64 *reasons) {
    return number(gpu->gpu, "throttle_reasons", reasons);
}

/* --- health and links */
int nvmlDeviceGetTotalEccErrors(device gpu, int kind, int counter, u64 *count) {
    char field[40];
    snprintf(field, sizeof field, "%s%s", counter ? "ecc_" : "ecc_volatile_", kind ? "uncorrected" : "corrected");
    return number(gpu->gpu, field, count);
}
int nvmlDeviceGetRemappedRows(device gpu, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
    int code = small(gpu, "remapped_corrected", corrected);
    if (!code) code = small(gpu, "remapped_uncorrected", uncorrected);
    if (!code) code = small(gpu, "remap_pending", pending);
    return code ? code : small(gpu, "remap_failed", failed);
}
int nvmlDeviceGetPcieReplayCounter(device gpu, unsigned *count) { return small(gpu, "pcie_replays", count); }
int nvmlDeviceGetNvLinkState(device gpu, unsigned link, unsigned *state) {
    (void)link;
    return small(gpu, "nvlink", state);
}
int nvmlDeviceGetPcieThroughput(device gpu, int way, unsigned *kilobytes) {
    return small(gpu, way ? "pcie_received_kb" : "pcie_sent_kb", kilobytes);
}

struct value { unsigned id, scope; long long timestamp, latency; unsigned type; int code; union { double d; unsigned ui; u64 ull; long long sll; int si; } is; };
static const char *const TYPES[] = {"d:", "ui:", "ul:", "ull:", "sll:", "si:"};
static int field_value(const char *gpu, struct value *value) {
    char field[40];
    struct line *line = NULL;
    int code;
    snprintf(field, sizeof field, value->scope && value->scope != 0xFFFFFFFF ? "fi_%u.%u" : "fi_%u", value->id, value->scope);
    code = look_up(gpu, field, &line);
    if (code == SUCCESS)
        for (unsigned type = 0; type < 6; type++) {
            size_t length = strlen(TYPES[type]);
            double found;
            if (strncmp(line->value, TYPES[type], length)) continue;
            found = evaluate(gpu, field, line->value + length);
            value->type = type;
            if (type == 0) value->is.d = found;
            else if (type == 1) value->is.ui = (unsigned)found;
            else if (type == 5) value->is.si = (int)found;
            else value->is.ull = strchr("+~", line->value[length]) ? (u64)found : strtoull(line->value + length, NULL, 0);
        }
    pthread_mutex_unlock(&lock);
    return code;
}
int nvmlDeviceGetFieldValues(device gpu, int count, struct value *values) {
    unsigned state = alive(gpu);
    if (state) return state;
    for (int i = 0; i < count; i++) values[i].code = field_value(gpu->gpu, &values[i]);
    return SUCCESS;
}

/* --- processes */
struct process { unsigned pid; u64 used; unsigned gpu_instance, compute_instance; };
static int processes(device gpu, const char *field, unsigned *count, struct process *found) {
    unsigned room = *count, there = 0;
    struct line *line;
    int code = look_up(gpu->gpu, field, &line);
    for (; code == SUCCESS && (line = find(gpu->gpu, field, (int)there)); there++) {
        struct process each = {0, 0, NO_INSTANCE, NO_INSTANCE};
        sscanf(line->value, "%u %llu %u", &each.pid, &each.used, &each.gpu_instance);
        if (strstr(line->value, "hidden")) each.used = ~0ull;
        if (found && there < room) found[there] = each;
    }
    pthread_mutex_unlock(&lock);
    if (code == NOT_SUPPORTED) code = SUCCESS; /* none */
    *count = there;
    return code == SUCCESS && there > (found ? room : 0) ? INSUFFICIENT_SIZE : code;
}
int nvmlDeviceGetComputeRunningProcesses_v3(device gpu, unsigned *count, struct process *found) {
    return processes(gpu, "process", count, found);
}
int nvmlDeviceGetComputeRunningProcesses_v2(device gpu, unsigned *count, struct process *found) {
    return processes(gpu, "process", count, found);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(device gpu, unsigned *count, struct process *found) {
    return processes(gpu, "graphics_process", count, found);
}

/* --- a divided GPU */
int nvmlDeviceGetMigMode(device gpu, unsigned *current, unsigned *pending) {
    int code = small(gpu, "mig_mode", current);
    *pending = *current;
    return code;
}
int nvmlDeviceGetMaxMigDeviceCount(device gpu, unsigned *count) {
    *count = 7;
    return alive(gpu);
}
int nvmlDeviceGetMigDeviceHandleByIndex(device gpu, unsigned index, device *found) {
    device it = &parts[atoi(gpu->gpu)][index];
    u64 numbers[4];
    char profile[32];
    if (index >= MOST_PARTS) return INVALID_ARGUMENT;
    strcpy(it->gpu, gpu->gpu);
    it->part = (int)index + 1;
    *found = it;
    return part(it, numbers, profile) == SUCCESS ? SUCCESS : NOT_FOUND;
}
static int instance_id(device gpu, int which, unsigned *id) {
    u64 numbers[4];
    char profile[32];
    int code = gpu->part ? part(gpu, numbers, profile) : NOT_SUPPORTED;
    if (code == SUCCESS) *id = (unsigned)numbers[which];
    return code;
}
int nvmlDeviceGetGpuInstanceId(device gpu, unsigned *id) { return instance_id(gpu, 0, id); }
int nvmlDeviceGetComputeInstanceId(device gpu, unsigned *id) { return instance_id(gpu, 1, id); }

/* --- what the parts of a GPU do */
struct support { unsigned version, is_supported; };
int nvmlGpmQueryDeviceSupport(device gpu, struct support *support) {
    int code = support->version == 1 ? small(gpu, "gpm", &support->is_supported) : INVALID_ARGUMENT;
    if (code == NOT_SUPPORTED) support->is_supported = 0, code = SUCCESS;
    return code;
}
typedef struct sample { int taken, instance; u64 order; double does[72]; } *sample;
static int live_samples;
int nvmlFakeLiveSamples(void) { return live_samples; }
int nvmlGpmSampleAlloc(sample *made) {
    live_samples++;
    return (*made = calloc(1, sizeof **made)) ? SUCCESS : UNKNOWN;
}
int nvmlGpmSampleFree(sample one) {
    live_samples--;
    free(one);
    return SUCCESS;
}
static int sample_get(device gpu, int instance, sample into) {
    static u64 order;
    int code = alive(gpu);
    if (code) return code;
    pthread_mutex_lock(&lock);
    for (int metric = 0; metric < 72; metric++) into->does[metric] = -1;
    for (struct line *line = *first_of(gpu->gpu); line; line = line->next) {
        int metric, of = -1;
        if (sscanf(line->field, "gpm_%d.%d", &metric, &of) < 1 || of != instance || metric < 0 || metric >= 72) continue;
        if (into->does[metric] == -1) /* the first line of a field counts */
            into->does[metric] = line->value[0] == '!' ? -2 : evaluate(gpu->gpu, line->field, line->value);
    }
    into->taken = 1;
    into->instance = instance;
    into->order = ++order;
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
int nvmlGpmSampleGet(device gpu, sample into) { return sample_get(gpu, -1, into); }
int nvmlGpmMigSampleGet(device gpu, unsigned instance, sample into) { return sample_get(gpu, (int)instance, into); }
struct metric { unsigned id; int code; double value; const char *names[3]; };
struct metrics { unsigned version, count; sample first, second; struct metric metrics[]; };
int nvmlGpmMetricsGet(struct metrics *asked) {
    sample first = asked->first, second = asked->second;
    if (asked->version != 1 || !first->taken || first->order >= second->order) return INVALID_ARGUMENT;
    if (first->instance != second->instance) return INVALID_ARGUMENT;
    for (unsigned i = 0; i < asked->count; i++) {
        struct metric *metric = &asked->metrics[i];
        double before = metric->id < 72 ? first->does[metric->id] : -1, after = metric->id < 72 ? second->does[metric->id] : -1;
        metric->code = before < 0 || after < 0 ? NOT_SUPPORTED : SUCCESS;
        metric->value = metric->code ? 0 : (before + after) / 2;
    }
    return SUCCESS;
}

/* --- events: of lines `xid`, those that came after the GPU was registered */
struct events { int registered[MOST_GPUS], delivered[MOST_GPUS]; };
struct event { device gpu; u64 type, data; unsigned gpu_instance, compute_instance; };
static int xids(const char *gpu) { /* with the lock held */
    int count = 0;
    while (find(gpu, "xid", count)) count++;
    return count;
}
int nvmlEventSetCreate(struct events **made) {
    u64 unused;
    int code = number("*", "events", &unused);
    if (code != SUCCESS && code != NOT_SUPPORTED) return code;
    return (*made = calloc(1, sizeof **made)) ? SUCCESS : UNKNOWN;
}
int nvmlEventSetFree(struct events *events) {
    free(events);
    return SUCCESS;
}
int nvmlDeviceGetSupportedEventTypes(device gpu, u64 *types) {
    int code = number(gpu->gpu, "event_types", types);
    if (code == NOT_SUPPORTED) *types = 0x1b, code = SUCCESS;
    return code;
}
int nvmlDeviceRegisterEvents(device gpu, u64 types, struct events *events) {
    u64 unused;
    int number_of = atoi(gpu->gpu), code = number(gpu->gpu, "register", &unused);
    (void)types;
    if (code != SUCCESS && code != NOT_SUPPORTED) return code;
    pthread_mutex_lock(&lock);
    events->registered[number_of] = 1;
    events->delivered[number_of] = xids(gpu->gpu);
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
int nvmlEventSetWait_v2(struct events *events, struct event *event, unsigned milliseconds) {
    for (unsigned waited = 0;; waited += 2) {
        u64 unused;
        int code = number("*", "event_wait", &unused);
        if (code != SUCCESS && code != NOT_SUPPORTED) return code;
        pthread_mutex_lock(&lock);
        for (int gpu = 0; gpu < MOST_GPUS; gpu++) {
            struct line *line = events->registered[gpu] ? find(gpus[gpu].gpu, "xid", events->delivered[gpu]) : NULL;
            if (!line) continue;
            events->delivered[gpu]++;
            *event = (struct event){&gpus[gpu], 8, strtoull(line->value, NULL, 0), NO_INSTANCE, NO_INSTANCE};
            pthread_mutex_unlock(&lock);
            return SUCCESS;
        }
        pthread_mutex_unlock(&lock);
        if (waited >= milliseconds) return TIMEOUT;
        nap(2);
    }
}
