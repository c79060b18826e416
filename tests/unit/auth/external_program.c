/* A program of the method `external` for the tests: what it does depends on the user's name. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void answer(int yes)
{
	unsigned char text[4] = { 0, 2, 0, (unsigned char)yes };

	if (write(1, text, sizeof(text)) != sizeof(text))
		exit(1);
}

static int no_other_descriptors(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 0;
	return 1;
}

static int is(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void act(const char *q, const char *argument)
{
	if (strstr(q, ":hang:"))
		pause();
	if (strstr(q, ":leave:")) { /* its group, and is stuck */
		setpgid(0, getpgid(getppid()));
		pause();
	}
	if (strstr(q, ":die:"))
		exit(3);
	if (strstr(q, ":rubbish:")) {
		if (write(1, "yes, sir", 8) != 8)
			exit(1);
		return;
	}
	if (strstr(q, ":twice:")) { /* answers a question that nobody has asked, too */
		if (write(1, "\0\2\0\1\0\2\0\1", 8) != 8)
			exit(1);
		return;
	}
	if (strstr(q, ":once:")) { /* answers, and then it is gone */
		answer(1);
		exit(0);
	}
	if (strstr(q, ":fds:"))
		answer(no_other_descriptors());
	else if (strstr(q, ":argument:"))
		answer(argument && strcmp(argument, "-x") == 0);
	else
		answer(strcmp(q, "auth:romeo:example.net:a:b:c") == 0 ||
		       strcmp(q, "isuser:romeo:example.net") == 0 ||
		       is(q, "tryregister:new:example.net:") ||
		       strcmp(q, "setpass:romeo:example.net:secret") == 0 ||
		       strcmp(q, "removeuser:romeo:example.net") == 0);
}

static int read_all(unsigned char *to, size_t n)
{
	while (n) {
		ssize_t got = read(0, to, n);
		if (got <= 0)
			return -1;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned char length[2];
	static unsigned char question[65536];

	while (read_all(length, 2) == 0) {
		size_t n = (size_t)length[0] << 8 | length[1];
		if (read_all(question, n) < 0)
			return 1;
		question[n] = '\0';
		act((char *)question, argc > 1 ? argv[1] : NULL);
	}
	return 0;
}
