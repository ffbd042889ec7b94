/* A clock that can be set for one server: preloaded into it, it adds the seconds in the file that CLOCK_OFFSET names.
 *
 * libfaketime is not of use here.  It does not change what it believes to be its own calls, and counts on its way
 * through select(): up to PostgreSQL 15 the postmaster forks background workers from signal handlers that interrupt
 * just that, so that they have the machine's clock for as long as they live. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Read each time: who sets it does not know which processes there are.  Nothing here may allocate or lock, as time is
 * asked for in signal handlers. */
static time_t offset(void) {
	static time_t last;
	const char *name = getenv("CLOCK_OFFSET");
	char text[32];
	int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	if (file >= 0) {
		ssize_t length = read(file, text, sizeof(text) - 1);
		close(file);
		if (length > 0) {
			text[length] = '\0';
			last = atol(text);
		}
	}
	return last;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
	int result = (int)syscall(SYS_clock_gettime, clock, now);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		now->tv_sec += offset();
	}
	return result;
}

int gettimeofday(struct timeval *now, void *zone) {
	struct timespec precise;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise) != 0) {
		return -1;
	}
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now) {
	struct timespec precise;
	clock_gettime(CLOCK_REALTIME, &precise);
	if (now) {
		*now = precise.tv_sec;
	}
	return precise.tv_sec;
}
