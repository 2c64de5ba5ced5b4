// The header in C++, alone and first, with warnings as errors: types, linkage, and a link.
#include <trroute.h>

#include <trroute.h>

#include <cstring>

int main()
{
    char message[TRROUTE_MESSAGE];
    trroute *r = nullptr;
    int code = trroute_open(&r, "/nonexistent", message, sizeof message);
    trroute_close(r);
    return code == TRROUTE_SYSTEM && trroute_abi() == TRROUTE_ABI && *message ? 0 : 1;
}
