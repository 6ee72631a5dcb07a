/* A driver with one device of 40 MB, full of what somebody left. When its context goes it says in a file how
   many bytes were not overwritten. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES (40u << 20)
static unsigned char memory[BYTES];
static size_t taken;

int cuInit(unsigned flags) { memset(memory, 7, BYTES); return getenv("CUDA_REFUSES") ? 100 : (int)flags; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuCtxCreate_v2(void **context, unsigned flags, int device) { *context = memory; return (int)flags + device; }
int cuMemAlloc_v2(unsigned long long *address, size_t size) {
  if (taken + size > BYTES) return 2;
  *address = (unsigned long long)(memory + taken);
  taken += size;
  return 0;
}
int cuMemsetD8_v2(unsigned long long address, unsigned char value, size_t size) {
  memset((void *)address, value, size);
  return 0;
}
int cuCtxSynchronize(void) { return 0; }
int cuCtxDestroy_v2(void *context) {
  size_t left = 0;
  for (size_t at = 0; at < BYTES; at++) left += memory[at] != 0;
  FILE *file = fopen(getenv("CUDA_LEFT"), "w");
  fprintf(file, "%zu", left);
  return context != memory || fclose(file);
}
