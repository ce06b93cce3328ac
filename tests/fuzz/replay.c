/* Sends every file of a folder through a fuzz target, once. The last name that is printed is the one that broke it. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

static void *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    long end;
    void *bytes;

    REQUIRE(file && fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) >= 0);
    rewind(file);
    *ret_size = (size_t)end;
    bytes = malloc(*ret_size); /* its own block, so that a read beyond it is seen */
    REQUIRE(bytes || *ret_size == 0);
    REQUIRE(*ret_size == 0 || fread(bytes, 1, *ret_size, file) == *ret_size);
    fclose(file);
    return bytes;
}

static void replay(const char *folder, const char *name)
{
    char path[4096];
    size_t size;
    void *bytes;

    REQUIRE((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path);
    fprintf(stderr, "%s\n", name);
    bytes = read_file(path, &size);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

int main(int count, char **arguments)
{
    DIR *folder = count == 2 ? opendir(arguments[1]) : NULL;
    struct dirent *entry;
    size_t files = 0;

    REQUIRE(folder);
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        replay(arguments[1], entry->d_name);
        files++;
    }
    closedir(folder);
    fprintf(stderr, "%zu files\n", files);
    return files == 0; /* an empty corpus proves nothing */
}
