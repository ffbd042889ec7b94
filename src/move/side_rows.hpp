// side_rows.hpp - Rows of a source on their way into sides: collected, and written many at a time.
//
// Server code, but for what makes it.  The invariant: a row is written as it is: the bytes of its values, with nobody's
// trigger, default, generated column or CHECK; into all indexes that its side has.
#pragma once

#include "move/dating.hpp"
#include "move/move_job.hpp"
#include "move/place_map.hpp"

#include <cstdint>
#include <vector>

extern "C" {
#include "executor/tuptable.h"
#include "storage/itemptr.h"
}

namespace warden::move {

/// A row that is collected: where it comes from, and, when it is written, where it is.
struct MovedRow {
	ItemPointerData place;
	int side;            ///< index
	TupleTableSlot *row; ///< in the side's form; tts_tid
	Life life;
};

struct SideRows;

/// For rows of one source, in the memory that is current, with ROW EXCLUSIVE on sides as they are needed.
SideRows *begin_rows(const std::vector<Side> &sides, Relation source);
void end_rows(SideRows *rows);

/// Collects a row of the source, at its place (tts_tid).  Error errcode_begin_anew if the side has other columns.
void add_row(SideRows *rows, int side, TupleTableSlot *row, const Life &life);

/// Whether enough are collected to be written.
bool is_full(const SideRows *rows);

/// Writes what is collected, which can be read until more is: rows that are there, or such as have come and gone, which
/// are deleted at once.  Bytes are those of the rows, with what is out of line.
enum class Rows { Present, Gone };
struct Written {
	const MovedRow *rows;
	int count;
	std::int64_t bytes;
};
Written write_rows(SideRows *rows, Rows kind);

/// C++ code.  Notes in the map where they are.
void note_written(PlaceMap &map, std::int16_t source, const std::vector<Side> &sides, const Written &written);

} // namespace warden::move
