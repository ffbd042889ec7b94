# shellcheck shell=bash disable=SC2034,SC2154
# The clock changes: to and from summer time, and by hours because somebody sets it.
#
# The server's clock is the machine's with an offset, which clock.c reads from a file whenever it is asked for the time.
# What this has no power over is the uptime of the machine, by which rows tell when they were written.

scenario_clock() {
	prepare_clock
	if [ "$scheduler" = pg_warden ]; then
		change_clocks spring_new_york America/New_York '2026-03-08 07:00' 2
		change_clocks spring_berlin Europe/Berlin '2026-03-29 01:00' 2
		change_clocks autumn_berlin Europe/Berlin '2026-10-25 01:00' 2
		change_clocks autumn_new_york America/New_York '2026-11-01 06:00' 1
	else
		clock_figures+=("time zones and intervals n/a")
	fi
	jump
	settle
	due=$((due + beats_due)) run=$((run + beats_run)) unexplained=$((unexplained + beats_missing))
	clean_log
	report "${clock_figures[@]}"
}

prepare_clock() {
	gcc -O1 -shared -fPIC -o "$home/clock.so" "$root/test/soak.d/clock.c"
	offset_file=$home/offset clock_figures=() phases=() beats_due=0 beats_run=0 beats_missing=0
	set_offset 0
	server_environment=(LD_PRELOAD="$home/clock.so" CLOCK_OFFSET="$offset_file")
	prepare_server
	sql -c "CREATE FUNCTION uptime() RETURNS float8 LANGUAGE sql AS \$\$ SELECT split_part(pg_read_file('/proc/uptime', 0, 100, true), ' ', 1)::float8 \$\$" \
		-c "ALTER TABLE done ADD uptime float8 DEFAULT uptime()"
}

# set_offset seconds: whoever reads the file finds either the one before or this one.
set_offset() {
	offset=$1
	printf '%+d\n' "$1" | as_test_user tee "$offset_file.new" > /dev/null
	as_test_user mv "$offset_file.new" "$offset_file"
}

# set_clock time: in seconds since 1970.
set_clock() {
	set_offset $(($1 - $(date +%s)))
	wait_for 10 "SELECT abs(extract(epoch FROM clock_timestamp()) - $1) < 5"
}

# change_clocks name zone instant hour: jobs around an instant at which the clocks change from or to the hour, in UTC.
# Of the time in between, only the seconds around each quarter of an hour are gone through.
change_clocks() {
	local name=$1 zone=$2 change hour=$4 begin end minute
	change=$(date -u -d "$3" +%s)
	case $name in
		spring*) begin=-50 end=70 ;;
		autumn*) begin=-110 end=100 ;;
	esac
	set_clock $((change + begin * 60))
	wall_job "${name}_before" "30 $((hour - 1)) * * *" "$zone"
	wall_job "${name}_at" "30 $hour * * *" "$zone"
	wall_job "${name}_at_twice" "15,45 $hour * * *" "$zone"
	wall_job "${name}_after" "0 $((hour + 1)) * * *" "$zone"
	wall_job "${name}_later" "30 $((hour + 1)) * * *" "$zone"
	wall_job "${name}_half_hourly" "*/30 * * * *" "$zone"
	due_around_change "$name" "$change"
	for ((minute = begin / 15 * 15; minute <= end; minute += 15)); do
		set_clock $((change + minute * 60 - 2))
		# A slot that is missing is found in the end.
		wait_for 8 "SELECT NOT EXISTS (SELECT FROM instants i WHERE slot <= to_timestamp($((change + minute * 60))) AND
			NOT EXISTS (SELECT FROM done d WHERE d.job = i.job AND d.slot = i.slot))
			AND clock_timestamp() > to_timestamp($((change + minute * 60 + 2)))" || true
	done
	sql -c "SELECT warden.schedule_pause(job) FROM (SELECT DISTINCT job FROM instants WHERE job LIKE '$name%') j" > /dev/null
	clock_figures+=("$name $(sql -c "SELECT count(*) FROM done WHERE job LIKE '$name%'") runs of $(
		sql -c "SELECT count(*) FROM instants WHERE job LIKE '$name%'")")
}

# wall_job name schedule zone
wall_job() {
	add_job "$1" "$2" "$(body "$1")" "timezone => '$3'" | sql
}

# What is due, in minutes from the change.  A time that does not happen in spring is made up for when the gap ends; one
# that happens twice in autumn is good for the first time, but half an hour is half an hour.
due_around_change() {
	local job minutes
	while read -r job minutes; do
		[[ $1 == "${job%%_*}"* ]] || continue
		sql -c "INSERT INTO instants SELECT '$1_${job#*_}', to_timestamp($2) + n * interval '1 minute' FROM unnest('{$minutes}'::int[]) n"
	done << 'END'
spring_before -30
spring_at 0
spring_at_twice 0
spring_after 0
spring_later 30
spring_half_hourly -30,0,30,60
autumn_before -90
autumn_at -30
autumn_at_twice -45,-15
autumn_after 60
autumn_later 90
autumn_half_hourly -90,-60,-30,0,30,60,90
END
}

# The clock is set back by five hours, forward again, and on by another five.  A job of each day runs before it is set
# back, and its time comes again after it was set forward.
jump() {
	local noon length
	length=${WATCH:-130}
	noon=$(date -u -d '2026-12-01 12:00' +%s)
	set_clock $((noon - 20))
	sql -c "ALTER TABLE done ADD phase text"
	phase even
	beating_jobs
	[ "$scheduler" = pg_cron ] || sql -c "INSERT INTO instants VALUES ('noon', to_timestamp($noon))"
	wait_for 40 "SELECT clock_timestamp() > to_timestamp($noon + 5)"
	sleep "$length"
	phase back
	set_offset $((offset - 18000))
	sleep "$length"
	phase forward
	# To shortly before noon, which it was already.
	set_clock $((noon - 20))
	sleep "$length"
	phase on
	set_offset $((offset + 18000))
	sleep "$length"
	judge_beats
}

# phase name: of the rows from now on.
phase() {
	sql -c "ALTER TABLE done ALTER phase SET DEFAULT '$1'"
	phases+=("$1 $(cut -d ' ' -f 1 /proc/uptime)")
}

beating_jobs() {
	if [ "$scheduler" = pg_warden ]; then
		add_job beat 5 "$(body beat)" | sql
		wall_job noon '0 12 * * *' UTC
	fi
	wall_job minutely '* * * * *' UTC
}

# A beat goes on by the machine's uptime, whatever the clock says.  But for the minutes that come a second time when the
# clock is set forward to where it was.
judge_beats() {
	local job period count shortest longest name
	phases+=("end $(cut -d ' ' -f 1 /proc/uptime)")
	for job in beat:5 minutely:60; do
		period=${job#*:} job=${job%:*}
		[ "$job" = minutely ] || [ "$scheduler" = pg_warden ] || continue
		for name in even back forward on; do
			[ "$job:$name" != minutely:forward ] || continue
			IFS='|' read -r count shortest longest <<< "$(sql -c "$(gaps_query "$job" "$name")")"
			clock_figures+=("$job, clock $name: $count runs, $shortest to $longest s apart")
			count_beats $((${WATCH:-130} / period)) "$count"
			demand "$longest < 2 * $period + 3" "$job paused with the clock $name"
			[ "$job" = minutely ] || demand "$shortest >= 2" "$job hurried with the clock $name"
		done
	done
}

# count_beats due run: where the clock jumps, a beat may be shortened.
count_beats() {
	local run=$2
	run=$((run > $1 ? $1 : run))
	beats_due=$((beats_due + $1)) beats_run=$((beats_run + run))
	beats_missing=$((beats_missing + ($1 - run > 1 ? $1 - run : 0)))
}

# The times between runs of a phase, and from the last one before it, in whole seconds; to its end if there is no other.
gaps_query() {
	local begin end i
	for ((i = 0; i < ${#phases[@]} - 1; ++i)); do
		[ "${phases[i]% *}" != "$2" ] || begin=${phases[i]#* } end=${phases[i + 1]#* }
	done
	cat << END
WITH run AS (
	SELECT uptime AS ended, lag(uptime) OVER (ORDER BY uptime) AS began, true AS is_run FROM done WHERE job = '$1'
	UNION ALL SELECT $end, coalesce((SELECT max(uptime) FROM done WHERE job = '$1' AND uptime < $end), $begin), false)
SELECT count(*) FILTER (WHERE is_run), coalesce(min(round(ended - began)) FILTER (WHERE is_run), 0),
	coalesce(max(round(ended - greatest(began, $begin - 1))), 0)
FROM run WHERE ended >= $begin AND ended <= $end
END
}
