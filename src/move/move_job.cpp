#include "move/move_job.hpp"
#include "pg/error.hpp"
namespace warden::move {
Job begin_job(const Wish &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::optional<Job> find_job(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
Job read_job(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::vector<Source> read_sources(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::vector<Side> read_sides(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::vector<SideIndex> read_indexes(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
Source add_source(std::int64_t, Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
Side add_side(std::int64_t, Side) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
SideIndex add_index(std::int64_t, SideIndex) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void set_phase(std::int64_t, Phase) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void set_tables(std::int64_t, Oid, Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void set_fingerprint(std::int64_t, const std::string &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void set_captured(std::int64_t, const Source &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void set_built(std::int64_t, const SideIndex &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void note_copied(std::int64_t, const Source &, std::int64_t, std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void note_replayed(std::int64_t, std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void note_waiting(std::int64_t, const std::optional<std::string> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void note_swap(std::int64_t, std::optional<double>) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void forget_parts(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void note_restart(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void claim(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
bool is_worked_on(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
Wanted wanted(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void want(std::int64_t, Wanted) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void leave(std::int64_t, Ending, const std::optional<Error> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void delete_old_jobs() { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::vector<std::int64_t> interrupted_jobs() { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
const char *name_of(Kind) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
const char *name_of(Phase) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
