#include "bloat/index_pages.hpp"

#include "bloat/sample_draw.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "utils/fmgrprotos.h"
}

namespace warden::bloat {

namespace {

// With so many the doubt of a share is no more than two points to each side, whatever the pages are.
constexpr std::uint64_t usual_sample = 2401;

// To read in its order what is there is cheaper than a third of it at random, and leaves no doubt.
constexpr std::uint64_t worth_a_sample = 3;

} // namespace

bool is_sound(Page page, std::size_t special) {
	const auto *const header = reinterpret_cast<PageHeader>(page);
	return header->pd_lower >= SizeOfPageHeaderData && header->pd_lower <= header->pd_upper &&
	       header->pd_upper <= header->pd_special && header->pd_special == BLCKSZ - MAXALIGN(special);
}

const char *entry_of(Page page, OffsetNumber offset, std::size_t least) {
	const ItemId item = PageGetItemId(page, offset);
	const std::size_t end = ItemIdGetOffset(item) + ItemIdGetLength(item);
	const bool is_there = ItemIdHasStorage(item) && ItemIdGetLength(item) >= least &&
	                      ItemIdGetOffset(item) >= reinterpret_cast<PageHeader>(page)->pd_upper &&
	                      end <= reinterpret_cast<PageHeader>(page)->pd_special;
	return is_there ? page + ItemIdGetOffset(item) : nullptr;
}

Account account_of_page(Page page, const Entries &entries, std::int64_t reserve) {
	const auto *const header = reinterpret_cast<PageHeader>(page);
	const std::int64_t hole = header->pd_upper - header->pd_lower;
	const std::int64_t kept_empty = Min(hole, reserve);
	return {.live = entries.live,
	        .overhead = BLCKSZ - entries.live - entries.dead - entries.blocked - hole,
	        .reserve = kept_empty,
	        .vacuum_frees = entries.dead,
	        .blocked = entries.blocked,
	        .free = hole - kept_empty};
}

namespace {

// Server code.
double kept_share_of(Oid table) {
	const auto count = [table](PGFunction function) {
		return static_cast<double>(DatumGetInt64(DirectFunctionCall1(function, ObjectIdGetDatum(table))));
	};
	const double live = count(pg_stat_get_live_tuples);
	const double dead = count(pg_stat_get_dead_tuples);
	return dead > 0 ? live / (live + dead) : 1;
}

} // namespace

IndexPages::IndexPages(Relation relation, Relation heap, Method method, const Effort &effort)
	: reader_(pg::call([&] { return begin_reading(relation, effort.cost_delay_ms); })), effort_(effort),
	  method_(method), pages_(reader_.blocks) {
	const std::uint64_t wanted =
		effort.max_pages ? static_cast<std::uint64_t>(std::max<std::int64_t>(*effort.max_pages, 2)) : usual_sample;
	const std::uint64_t worth_it = effort.max_milliseconds ? wanted : wanted * worth_a_sample;
	if (method == Method::Sample && pages_ > worth_it) {
		drawn_ = wanted;
		kept_share_ = heap != nullptr ? pg::call([&] { return kept_share_of(RelationGetRelid(heap)); }) : 1;
	} else if (heap != nullptr) {
		// Before any page of the index: what is dead now stays so, while new rows get entries.
		dead_.emplace(heap, effort.cost_delay_ms);
	}
}

IndexPages::~IndexPages() {
	release([this] { end_reading(reader_); });
}

void IndexPages::start() {
	if (!is_whole()) {
		draw_sample();
	}
	position_ = 0;
	end_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(effort_.max_milliseconds.value_or(0));
}

// In an order at random, so that what has been read when the time is over is a sample too; but in that of the file
// within each stretch, for the sake of who reads it.
void IndexPages::draw_sample() {
	constexpr std::size_t stretch = 64;
	RandomNumbers numbers(effort_.seed);
	sample_ = draw(numbers, pages_ - 1, drawn_);
	for (std::uint32_t &page : sample_) {
		++page; // the first page of the file is read anyway
	}
	for (std::size_t i = 0; i < sample_.size(); i += stretch) {
		const auto end = std::min(sample_.size(), i + stretch);
		std::sort(sample_.begin() + static_cast<std::ptrdiff_t>(i), sample_.begin() + static_cast<std::ptrdiff_t>(end));
	}
}

// Two pages at least are read, however little time there is: of one nothing follows.
bool IndexPages::next() {
	if (is_whole()) {
		block_ = static_cast<std::uint32_t>(position_);
		return position_++ < pages_;
	}
	if (effort_.max_milliseconds && position_ > 2 && std::chrono::steady_clock::now() > end_) {
		sample_.resize(std::min<std::size_t>(sample_.size(), position_ - 1));
		drawn_ = sample_.size();
	}
	if (position_ > sample_.size()) {
		return false;
	}
	block_ = position_ == 0 ? 0 : sample_[position_ - 1];
	++position_;
	return true;
}

// Server code.
Page IndexPages::read(std::uint32_t block) {
	if (is_whole()) {
		return read_next_page(reader_, block);
	}
	const std::size_t ahead = position_ + static_cast<std::size_t>(prefetch_distance(reader_));
	for (prefetched_ = Max(prefetched_, position_ - 1); prefetched_ < Min(sample_.size(), ahead); ++prefetched_) {
		prefetch_page(reader_, sample_[prefetched_]);
	}
	return read_page(reader_, block);
}

Estimate IndexPages::sum(const std::vector<double> &values, double most) const {
	return estimate_sum({{.pages = pages_ > 0 ? pages_ - 1 : 0, .values = values, .least = 0, .most = most}});
}

std::int64_t IndexPages::scale(std::int64_t found) const {
	const auto drawn = static_cast<double>(sample_.size());
	return is_whole() ? found : std::llround(static_cast<double>(found) * (pages_ - 1) / drawn);
}

Prediction IndexPages::with_dead(Prediction rewritten) const {
	const auto least = static_cast<std::int64_t>(static_cast<double>(rewritten.low) / BLCKSZ * kept_share_);
	rewritten.low = std::min(rewritten.low, std::max<std::int64_t>(least, 1) * BLCKSZ);
	return rewritten;
}

Measurement IndexPages::measurement() const {
	Measurement measurement;
	measurement.method = is_whole() ? Method::Exact : method_;
	measurement.bytes = static_cast<std::int64_t>(pages_) * BLCKSZ;
	measurement.pages_read = reader_.pages_read + (dead_ ? dead_->pages_read() : 0);
	if (!is_whole()) {
		measurement.caveats.emplace_back("entries of rows that are dead and that VACUUM has not come to count as live");
	} else if (dead_ && !dead_->is_complete()) {
		measurement.caveats.emplace_back(
			"there are more dead rows than maintenance_work_mem has room for: entries of the others count as live");
	}
	Account account = is_whole() ? others_ : scaled_to(others_, measurement.bytes - BLCKSZ);
	account += first_;
	measurement.account = account;
	return measurement;
}

std::optional<Measurement> withheld(Relation index, Relation heap, Method method) {
	Measurement measurement;
	measurement.method = method;
	measurement.bytes = static_cast<std::int64_t>(pg::call([&] { return RelationGetNumberOfBlocks(index); })) * BLCKSZ;
	if (!index->rd_index->indisvalid) {
		measurement.withheld = "the index is not valid: it may not have entries of all rows";
	} else if (heap->rd_rel->relam != HEAP_TABLE_AM_OID) {
		measurement.withheld = "the access method of its table is none of the server's own";
	} else if (measurement.bytes == 0) {
		measurement.withheld = "the index has no pages";
	} else if (method == Method::Statistics) {
		measurement.withheld = "only B-trees are estimated from statistics";
	} else {
		return std::nullopt;
	}
	return measurement;
}

} // namespace warden::bloat
