#include "core/listen/descriptors.h"
#include "test.h"

TEST(descriptors_leave_some_for_the_server_itself)
{
	CHECK_INT(descriptors_room(20000, 40, 0), 20000 - 40 - 64);
	CHECK_INT(descriptors_room(20000, 40, 10), 20000 - 40 - 64 - 40);
	CHECK_INT(descriptors_room(UINT64_MAX, 40, 10), (1 << 30) - 40 - 64 - 40);
}

TEST(descriptors_that_are_few_are_for_clients_all_the_same)
{
	CHECK_INT(descriptors_room(96, 36, 2), 40);
	CHECK_INT(descriptors_room(64, 61, 2), 16);
	CHECK_INT(descriptors_room(10, 61, 2), 16);
}

TEST(descriptors_in_use_are_counted)
{
	CHECK(descriptors_in_use() >= 3);
	CHECK(descriptors_raise() >= descriptors_in_use());
}
