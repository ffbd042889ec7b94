// place_map.hpp - Which copy is of which row: a table of the job, with a row for each block of a source.
#pragma once

#include "move/move_job.hpp"
#include "move/row_places.hpp"

#include "pg/scoped.hpp"

namespace warden::move {

/// Makes the table warden.partition_move_map_<job>, a member of the extension.
Oid create_map(std::int64_t job);

/// The map, open for a scope.
class PlaceMap : pg::Scoped {
public:
	explicit PlaceMap(Oid map);
	~PlaceMap();

	RowPlaces read(std::int16_t source, std::uint32_t block);
	void write(std::int16_t source, std::uint32_t block, const RowPlaces &places); ///< one that was not there, or was

	/// The map is of the storage that sides had when it was first asked: error errcode_begin_anew if one has another.
	void check_storage(const std::vector<Side> &sides);

private:
	struct State; // server's
	State *state_;
};

} // namespace warden::move
