/* What is opened, and what is refused. */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opens what must not open: wants this code, and this word and the path in the message. */
static void check_refused(const char *path, int code, const char *word)
{
	struct store_conf conf = { .path = path };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;
	int r = store_open(&conf, &s, &err);

	CHECK(s == NULL);
	if (r != code || !strstr(buf_cstr(&err), word) || !strstr(buf_cstr(&err), path))
		test_fail(__FILE__, __LINE__, "%s: %d %s", path, r, buf_cstr(&err));
	buf_free(&err);
}

static void write_file(const char *path, const char *bytes, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	CHECK(fd >= 0);
	CHECK(write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
}

static int mode_of(const char *path, const char *suffix)
{
	char full[200];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	return stat(full, &st) < 0 ? -errno : (int)(st.st_mode & 0777);
}

TEST(file_is_for_its_owner_only)
{
	const char *path = fixture_path();
	mode_t old = umask(0);
	struct store *s = fixture_open(path);

	umask(old);
	fixture_account(s, "romeo@example.org");
	CHECK_INT(mode_of(path, ""), 0600);
	CHECK_INT(mode_of(path, "-wal"), 0600);
	CHECK_INT(mode_of(path, "-shm"), 0600);
	fixture_close(s);
	CHECK_INT(mode_of(path, ""), 0600);
	CHECK_INT(mode_of(path, "-wal"), -ENOENT); /* all is in the one file */
}

TEST(file_keeps_the_mode_that_it_has)
{
	const char *path = fixture_path();

	write_file(path, "", 0, 0640);
	CHECK_INT(chmod(path, 0640), 0);
	fixture_close(fixture_open(path));
	CHECK_INT(mode_of(path, ""), 0640);
}

TEST(file_of_a_newer_schema_is_refused_untouched)
{
	const char *path = fixture_path();

	fixture_close(fixture_open(path));
	sql(path, "PRAGMA user_version=99");
	check_refused(path, -EPROTONOSUPPORT, "newer");
	check_refused(path, -EPROTONOSUPPORT, "99");
	CHECK(fixture_sql_is(path, "PRAGMA user_version", 99));
	sql(path, "PRAGMA user_version=2");
	fixture_close(fixture_open(path));
}

TEST(file_that_is_no_database_is_refused_untouched)
{
	static char garbage[5000];
	/* One byte counts as none for SQLite. */
	static const size_t sizes[] = { 2, 99, 100, 511, 512, 4096, 5000 };

	memset(garbage, '#', sizeof(garbage));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const char *path = fixture_path();
		struct stat st;
		write_file(path, garbage, sizes[i], 0600);
		check_refused(path, -EIO, "not a database");
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_size, sizes[i]);
	}
}

/* Another program's database has no room for our tables, or must not be mixed with them. */
TEST(file_of_another_program_is_refused_untouched)
{
	const char *path = fixture_path();

	sql(path, "CREATE TABLE last (x)");
	check_refused(path, -EIO, "table");
	CHECK(fixture_sql_is(path, "SELECT count(*) FROM sqlite_master", 1));
}

TEST(file_that_is_cut_short_is_refused)
{
	const char *path = fixture_path();

	fixture_close(fixture_open(path));
	CHECK_INT(truncate(path, 4096), 0);
	check_refused(path, -EIO, "malformed");
}

TEST(file_in_no_directory_is_refused)
{
	check_refused("/nonexistent/meerkat.db", -ENOENT, "No such file");
}

TEST(directory_is_refused)
{
	check_refused("/tmp", -EISDIR, "directory");
}

TEST(link_to_nothing_is_refused)
{
	const char *path = fixture_path();

	CHECK_INT(symlink("/nonexistent/meerkat.db", path), 0);
	check_refused(path, -ENOENT, "No such file");
}

/* The file format's own mark: who reads it may not write it. */
TEST(file_marked_as_read_only_is_refused)
{
	const char *path = fixture_path();
	int fd;

	fixture_close(fixture_open(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, "\x03", 1, 18) == 1);
	close(fd);
	check_refused(path, -EROFS, "readonly");
}

/* In a process of its own, which is nobody: root may write what nobody may. Its exit status:
 * 0: refused, as it should be. */
static int open_as_nobody(const char *path)
{
	struct store_conf conf = { .path = path };
	struct buf err = BUF_INIT(1000);
	struct store *s;

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 0; /* a place that knows no other user: nothing to see here */
	if (store_open(&conf, &s, &err) != -EACCES)
		return 1;
	return strstr(buf_cstr(&err), "Permission denied") && strstr(buf_cstr(&err), path)
		       ? 0
		       : 2;
}

static int status_as_nobody(const char *path)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(open_as_nobody(path));
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

TEST(file_that_may_not_be_written_is_refused)
{
	const char *path = fixture_path();
	char dir[200];

	fixture_close(fixture_open(path));
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	CHECK_INT(chmod(dir, 0755), 0);
	CHECK_INT(chmod(path, 0444), 0);
	CHECK_INT(status_as_nobody(path), 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(chmod(dir, 0555), 0);
	CHECK_INT(status_as_nobody(path), 0); /* nor may it be made */
	CHECK_INT(chmod(dir, 0755), 0);
}

TEST(message_is_cut_where_there_is_no_room)
{
	struct store_conf conf = { .path = "/nonexistent/meerkat.db" };
	struct buf err = BUF_INIT(5);
	struct store *s = NULL;

	CHECK_INT(store_open(&conf, &s, &err), -ENOENT);
	buf_free(&err);
}
