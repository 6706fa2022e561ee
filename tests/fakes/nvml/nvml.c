/* A small stand-in for libnvidia-ml.so.1: what the collector calls, answered from a scenario file.
 *
 * NVML_SCENARIO names a text file of lines `<gpu> <field> <value>`, read again at every call, so that a test can
 * change it. `* init <code>` fails nvmlInit, `* count <n>` sets the number of GPUs. A field that is not in the file is
 * not supported by that GPU; a value `!<code>` makes the call return that nvmlReturn_t. `<gpu> lost 1` makes every
 * call for that GPU return GPU_IS_LOST. Built with -DOLD_DRIVER the functions of newer drivers are missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, GPU_IS_LOST = 15, UNKNOWN = 999 };

typedef unsigned long long u64;
typedef struct gpu { char name[8]; } *device;

static struct gpu gpus[16];

/* Copies the value of a field into `value` and returns the code the call should return. */
static int look_up(const char *gpu, const char *field, char value[96]) {
    char line[256], found_gpu[8], found_field[64];
    const char *path = getenv("NVML_SCENARIO");
    FILE *file = path ? fopen(path, "r") : NULL;
    int code = NOT_SUPPORTED;
    if (!file) return UNKNOWN;
    while (fgets(line, sizeof line, file)) {
        char found[96] = "";
        if (sscanf(line, "%7s %63s %95[^\n]", found_gpu, found_field, found) != 3 || strcmp(found_gpu, gpu)) continue;
        if (!strcmp(found_field, "lost")) { code = GPU_IS_LOST; break; }
        if (strcmp(found_field, field)) continue;
        code = found[0] == '!' ? atoi(found + 1) : SUCCESS;
        strcpy(value, found);
    }
    fclose(file);
    return code;
}

static int number(const char *gpu, const char *field, u64 *value) {
    char text[96];
    int code = look_up(gpu, field, text);
    if (code == SUCCESS) *value = strtoull(text, NULL, 0);
    return code;
}

static int small(device gpu, const char *field, unsigned *value) {
    u64 found = 0;
    int code = number(gpu->name, field, &found);
    if (code == SUCCESS) *value = (unsigned)found;
    return code;
}

static int text(device gpu, const char *field, char *value, unsigned length) {
    char found[96];
    int code = look_up(gpu->name, field, found);
    if (code == SUCCESS) snprintf(value, length, "%s", found);
    return code;
}

int nvmlInitWithFlags(unsigned flags) {
    u64 unused;
    int code = number("*", "init", &unused);
    (void)flags;
    return code == NOT_SUPPORTED ? SUCCESS : code;
}
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : "fake error"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    u64 found = 0;
    int code = number("*", "count", &found);
    if (code == SUCCESS) *count = (unsigned)found;
    return code;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *gpu) {
    if (index >= 16) return INVALID_ARGUMENT;
    snprintf(gpus[index].name, sizeof gpus[index].name, "%u", index);
    *gpu = &gpus[index];
    return SUCCESS;
}
int nvmlDeviceGetUUID(device gpu, char *value, unsigned length) { return text(gpu, "uuid", value, length); }
int nvmlDeviceGetName(device gpu, char *value, unsigned length) { return text(gpu, "model", value, length); }

struct rates { unsigned gpu, memory; };
int nvmlDeviceGetUtilizationRates(device gpu, struct rates *rates) {
    int code = small(gpu, "utilization", &rates->gpu);
    return code ? code : small(gpu, "memory_busy", &rates->memory);
}

struct memory { u64 total, free, used; };
int nvmlDeviceGetMemoryInfo(device gpu, struct memory *memory) {
    int code = number(gpu->name, "memory_size", &memory->total);
    return code ? code : number(gpu->name, "memory_used", &memory->used);
}

int nvmlDeviceGetPowerUsage(device gpu, unsigned *milliwatts) { return small(gpu, "power_mw", milliwatts); }
int nvmlDeviceGetTotalEnergyConsumption(device gpu, u64 *millijoules) {
    return number(gpu->name, "energy_mj", millijoules);
}
int nvmlDeviceGetClockInfo(device gpu, int kind, unsigned *megahertz) {
    return small(gpu, kind == 1 ? "sm_mhz" : "memory_mhz", megahertz);
}
int nvmlDeviceGetTotalEccErrors(device gpu, int kind, int counter, u64 *count) {
    return counter == 1 ? number(gpu->name, kind ? "ecc_uncorrected" : "ecc_corrected", count) : NOT_SUPPORTED;
}
int nvmlDeviceGetPcieReplayCounter(device gpu, unsigned *count) { return small(gpu, "pcie_replays", count); }

#ifdef OLD_DRIVER
int nvmlDeviceGetTemperature(device gpu, int sensor, unsigned *degrees) {
    return sensor == 0 ? small(gpu, "temperature", degrees) : INVALID_ARGUMENT;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(device gpu, u64 *reasons) {
    return number(gpu->name, "throttle_reasons", reasons);
}
#else
struct temperature { unsigned version; int sensor; int degrees; };
int nvmlDeviceGetTemperatureV(device gpu, struct temperature *reading) {
    unsigned found = 0;
    int code = reading->sensor == 0 ? small(gpu, "temperature", &found) : INVALID_ARGUMENT;
    if (code == SUCCESS) reading->degrees = (int)found;
    return code;
}
int nvmlDeviceGetCurrentClocksEventReasons(device gpu, u64 *reasons) {
    return number(gpu->name, "throttle_reasons", reasons);
}
struct memory_v2 { unsigned version; u64 total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(device gpu, struct memory_v2 *memory) {
    int code = number(gpu->name, "memory_size", &memory->total);
    if (!code) code = number(gpu->name, "memory_used", &memory->used);
    return code ? code : number(gpu->name, "memory_reserved", &memory->reserved);
}
#endif
