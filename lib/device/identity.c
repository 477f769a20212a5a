/* Ids that people can type and that stay the same from run to run: made from what platforms and devices say, by rules that know
 * no vendor. "pocl/pthread-0": platform, device, and a number among equals. */
#include "room.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Lower case, runs of anything but letters and digits become one '-'; none at the ends. */
static char *slug_of(const char *name, size_t length)
{
    char *slug = memory_alloc(length + 1);
    size_t used = 0;
    if (slug == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (isalnum(c))
            slug[used++] = (char)tolower(c);
        else if (used > 0 && slug[used - 1] != '-')
            slug[used++] = '-';
    }
    while (used > 0 && slug[used - 1] == '-')
        slug[--used] = '\0';
    slug[used] = '\0';
    return slug;
}

/* A platform of one word is called so ("rusticl", "Clover"); others have a short name that the loader's extension cl_khr_icd
 * demands as a suffix of entry points ("POCL", "INTEL", "AMD"). */
char *platform_slug(const char *name, const char *icd_suffix)
{
    const char *blank = strchr(name, ' ');
    const size_t first_word = blank != NULL ? (size_t)(blank - name) : strlen(name);
    char *slug;
    if (blank != NULL && icd_suffix != NULL && icd_suffix[0] != '\0')
        slug = slug_of(icd_suffix, strlen(icd_suffix));
    else
        slug = slug_of(name, first_word);
    if (slug == NULL || slug[0] != '\0')
        return slug;
    memory_free(slug);
    return memory_copy_string("platform");
}

/* Trademark signs and everything else in parentheses away. */
static void strip_parentheses(char *name)
{
    char *to = name;
    int depth = 0;
    for (const char *from = name; *from != '\0'; from++) {
        depth += *from == '(';
        if (depth == 0)
            *to++ = *from;
        else if (*from == ')')
            depth--;
    }
    *to = '\0';
}

static bool vendor_says(const char *vendor, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = vendor; *at != '\0'; at++)
        if (strncasecmp(at, word, length) == 0)
            return true;
    return false;
}

/* Up to four words of a product's name that are not its vendor's. */
static char *product_slug(const char *name, const char *vendor)
{
    char *words = memory_copy_string(name);
    text kept = {0};
    char *rest = NULL;
    if (words == NULL)
        return NULL;
    strip_parentheses(words);
    int count = 0;
    for (char *word = strtok_r(words, " ,", &rest); word != NULL && count < 4; word = strtok_r(NULL, " ,", &rest)) {
        if (vendor_says(vendor, word))
            continue;
        text_addf(&kept, "%s ", word);
        count++;
    }
    memory_free(words);
    char *joined = text_take(&kept);
    char *slug = joined != NULL ? slug_of(joined, strlen(joined)) : NULL;
    memory_free(joined);
    return slug;
}

static const char *type_word(socle_device_type type)
{
    static const char *const words[] = {"cpu", "gpu", "accelerator", "device"};
    return words[type];
}

/* A driver that has a name of its own for a device puts it first, in lower case ("pthread-skylake", "llvmpipe (LLVM 15)"). Else a
 * processor is "cpu", as its product's name says nothing to tell devices apart, and a GPU is its product's name. */
char *device_slug(const char *name, const char *vendor, socle_device_type type)
{
    size_t length = 0;
    while (islower((unsigned char)name[length]) || isdigit((unsigned char)name[length]) || name[length] == '_')
        length++;
    if (length > 0 && islower((unsigned char)name[0]))
        return slug_of(name, length);
    char *slug = type == SOCLE_DEVICE_CPU ? memory_copy_string("cpu") : product_slug(name, vendor);
    if (slug == NULL || slug[0] != '\0')
        return slug;
    memory_free(slug);
    return memory_copy_string(type_word(type));
}

static bool id_taken(const socle_context *context, const char *id)
{
    for (int i = 0; i < context->device_count; i++)
        if (strcmp(context->devices[i]->info.id, id) == 0)
            return true;
    return false;
}

socle_status device_set_id(const socle_context *context, socle_device *device, const char *platform, const char *slug)
{
    for (int number = 0;; number++) {
        char *id = memory_format("%s/%s-%d", platform, slug, number);
        if (id == NULL)
            return SOCLE_OUT_OF_MEMORY;
        if (!id_taken(context, id)) {
            memory_free((char *)device->info.id);
            device->info.id = id;
            return SOCLE_OK;
        }
        memory_free(id);
    }
}

#ifndef CL_DEVICE_UUID_KHR
#define CL_DEVICE_UUID_KHR 0x106A
#endif

/* A CPU driver may call every processor by the same name, yet its binaries hold one processor's instructions: what else tells
 * them apart goes in too. Equal parts of one device are alike: what was compiled and measured for one serves the others. */
socle_status device_set_identity(socle_device *device)
{
    const socle_device_info *info = &device->info;
    uint8_t uuid[16] = {0};
    char uuid_text[33];
    /* A part has its parent's: Intel's CPU runtime answers something else for the same part in each process. */
    const socle_device *whole = device_whole(device);
    if (extension_listed(whole->capabilities.extensions, "cl_khr_device_uuid") &&
        clGetDeviceInfo(whole->cl_device, CL_DEVICE_UUID_KHR, sizeof(uuid), uuid, NULL) != CL_SUCCESS)
        memset(uuid, 0, sizeof(uuid));
    for (size_t i = 0; i < sizeof(uuid); i++)
        snprintf(uuid_text + 2 * i, 3, "%02x", uuid[i]);
    char *identity = memory_format("%s%s|%s|%s|%s|%s|%s|units %d|vector %d|%s", whole != device ? "part of " : "", whole->info.id,
                                   info->name, info->vendor, info->platform, info->driver_version, info->opencl_version,
                                   info->compute_units, device->capabilities.vector_width_float, uuid_text);
    if (identity == NULL)
        return SOCLE_OUT_OF_MEMORY;
    memory_free(device->identity);
    device->identity = identity;
    return SOCLE_OK;
}

char *device_model(const socle_device *device)
{
    const char *begin = strchr(device->identity, '|'), *end = strrchr(device->identity, '|');
    return memory_format("%s%.*s", device->parent != NULL ? "part of " : "", (int)(end - begin - 1), begin + 1);
}
