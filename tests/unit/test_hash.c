#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/base.h>

/* Computed with an independent SipHash-1-3: key 00 01 ... 0f, data 00 01 ... of each size. */
static const uint64_t vectors[] = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
};

static void hash__is_siphash_1_3(void **state)
{
    uint8_t key[16], data[16];

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        key[i] = data[i] = i;
    for (size_t size = 0; size < sizeof vectors / sizeof *vectors; size++)
        assert_true(chatroom_hash(key, data, size) == vectors[size]);
}

static void hash__depends_on_the_key(void **state)
{
    const uint8_t a[16] = {1}, b[16] = {2};

    (void)state;
    assert_true(chatroom_hash(a, "room", 4) != chatroom_hash(b, "room", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash__is_siphash_1_3),
        cmocka_unit_test(hash__depends_on_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
