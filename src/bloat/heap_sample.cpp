#include "bloat/heap_sample.hpp"

#include "bloat/heap_notes.hpp"
#include "bloat/heap_page.hpp"
#include "bloat/page_reader.hpp"
#include "bloat/page_strata.hpp"
#include "bloat/sample_draw.hpp"
#include "bloat/sample_estimate.hpp"
#include "bloat/sample_packing.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "portability/instr_time.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

constexpr std::int64_t most_pages = 2500;   // then, of any file
constexpr std::uint64_t pilot_pages = 60;   // of each stratum
constexpr std::uint64_t share_for_end = 50; // of the pages that may be read, one of so many for the end of the file
constexpr std::uint64_t most_of_end = 4096; // pages
constexpr std::uint64_t batch_pages = 128;  // between two looks at the clock
constexpr std::int64_t least_pages = 30;    // of a sample
constexpr std::uint64_t most_of_file = 3;   // what needs a third of the file is read whole

/// What reads.
struct Session {
	PageReader reader;
	HeapExaminer examiner;
	instr_time begin;
};

/// What a page has that is drawn.
struct Seen {
	Account account;
	double need;  ///< bytes that its rows take after a rewrite
	double moved; ///< pages of the TOAST table that their values take then
	std::uint32_t kept;
};

/// What is known of a stratum.
struct Part {
	std::uint64_t pages = 0;
	std::vector<std::uint32_t> drawn; ///< in their random order; the first of them were read
	std::size_t read = 0;
	std::vector<double> needs; ///< of those
	std::vector<double> moved;
	Account account;
	SamplePacking packing{100};
	HeapPacking moving{HEAP_DEFAULT_FILLFACTOR};
};

// Server code.

Session *begin(Relation relation, int cost_delay_ms) {
	const TransactionId horizon = horizon_of(relation);
	auto *const session = static_cast<Session *>(palloc(sizeof(Session)));
	*session = {
		.reader = begin_reading(relation, cost_delay_ms), .examiner = begin_examining(relation, horizon), .begin = {}};
	INSTR_TIME_SET_CURRENT(session->begin);
	return session;
}

PageStrata *find_strata(Relation relation, BlockNumber blocks) {
	auto *const strata = static_cast<PageStrata *>(palloc(sizeof(PageStrata)));
	*strata = PageStrata(relation, blocks);
	return strata;
}

double milliseconds_since(instr_time begin) {
	instr_time now;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, begin);
	return INSTR_TIME_GET_MILLISEC(now);
}

Seen look_at(Session &session, BlockNumber block, SamplePacking &packing, HeapPacking *moving) {
	HeapPage found;
	session.examiner.reform.moved = moving;
	const double before = moving != nullptr ? moving->pages_filled() : 0;
	examine(session.examiner, read_page(session.reader, block), block, found);
	Seen seen{.account = found.account, .need = 0, .moved = 0, .kept = found.kept};
	for (int i = 0; i < found.kept; ++i) {
		seen.need += align(found.lengths[i]) + page::line_pointer;
	}
	if (moving != nullptr) {
		seen.moved = moving->pages_filled() - before;
	}
	packing.add(found.lengths, found.kept, found.account.free);
	return seen;
}

// C++ code.

class HeapSample {
public:
	/// toast_pages: of its TOAST table, if that is what is to be known.
	HeapSample(Relation relation, const Effort &effort, std::optional<std::uint64_t> toast_pages = std::nullopt,
	           std::uint64_t share = 1)
		: relation_(relation), effort_(effort), toast_pages_(toast_pages), share_(share),
		  session_(call(begin, relation, effort.cost_delay_ms)) {}

	std::uint64_t blocks() const { return session_->reader.blocks; }

	/// How many pages may be read.
	std::uint64_t most() const {
		return std::min(blocks(), static_cast<std::uint64_t>(effort_.max_pages.value_or(most_pages)) / share_);
	}
	bool is_toast() const { return relation_->rd_rel->relkind == RELKIND_TOASTVALUE; }
	bool is_limited() const { return effort_.max_pages || effort_.max_milliseconds; }

	/// False: it is better to read all.
	bool read();
	std::optional<Measurement> measure() {
		std::optional<Measurement> measurement;
		if (blocks() == 0 || read()) {
			measurement = result();
		}
		end();
		return measurement;
	}
	Measurement result();
	Prediction prediction();
	std::int64_t pages_read() const { return session_->reader.pages_read; }
	void end() {
		call([&] { end_reading(session_->reader); });
	}

private:
	void draw_pages();
	void read_until(const std::vector<std::uint64_t> &wanted);
	void read_batch(const std::vector<std::uint64_t> &wanted);
	bool is_late() const {
		return effort_.max_milliseconds && milliseconds_since(session_->begin) >= *effort_.max_milliseconds;
	}
	std::vector<Stratum> strata();
	std::vector<Stratum> strata_of_toast() const;
	std::vector<Stratum> strata_of_table();
	/// The rest is for the end of the file.
	std::uint64_t allowed_pages() const {
		return toast_pages_ ? most() : most() - std::min(most() / 2, most() / share_for_end + 1);
	}
	std::uint64_t wanted_pages();
	std::uint64_t drawn_pages() const;
	void look_at_end(Measurement &measurement);

	Relation relation_;
	const Effort &effort_;
	const std::optional<std::uint64_t> toast_pages_;
	const std::uint64_t share_; ///< who reads two files for one may read half of each
	Session *const session_;    ///< in the memory that was current
	std::vector<Part> parts_;
	BlockNumber with_rows_ = 0; ///< pages until the last one that was seen with a row that is kept
};

/// Draws as many from each stratum as could be wanted, in a random order.
void HeapSample::draw_pages() {
	PageStrata *const strata = call(find_strata, relation_, static_cast<BlockNumber>(blocks()));
	RandomNumbers numbers(effort_.seed);
	std::vector<std::vector<std::uint32_t>> sorted(most_strata);
	PageStrata::Ranks ranks[most_strata] = {};
	for (int i = 0; i < strata->count(); ++i) {
		Part part;
		part.pages = strata->pages(i);
		part.packing = SamplePacking(RelationGetFillFactor(relation_, HEAP_DEFAULT_FILLFACTOR));
		part.drawn = draw(numbers, strata->pages(i), most());
		sorted[i] = part.drawn;
		std::ranges::sort(sorted[i]);
		ranks[i] = {sorted[i].data(), sorted[i].data() + sorted[i].size()};
		parts_.push_back(std::move(part));
	}
	const std::vector<std::vector<std::uint32_t>> numbers_within = sorted;
	call([&] {
		strata->find(ranks);
		strata->end();
	});
	for (std::size_t i = 0; i < parts_.size(); ++i) {
		const auto &within = numbers_within[i];
		for (std::uint32_t &number : parts_[i].drawn) {
			number = sorted[i][std::ranges::lower_bound(within, number) - within.begin()];
		}
	}
}

/// Some more pages of each stratum, in proportion, so that one may stop after each batch; in the order of the file.
void HeapSample::read_batch(const std::vector<std::uint64_t> &wanted) {
	std::uint64_t missing = 0;
	for (std::size_t i = 0; i < parts_.size(); ++i) {
		missing += wanted[i] - std::min<std::uint64_t>(wanted[i], parts_[i].read);
	}
	std::vector<std::pair<BlockNumber, std::size_t>> pages;
	for (std::size_t i = 0; i < parts_.size(); ++i) {
		Part &part = parts_[i];
		const std::uint64_t own = wanted[i] - std::min<std::uint64_t>(wanted[i], part.read);
		const std::uint64_t now = missing <= batch_pages ? own : (own * batch_pages + missing - 1) / missing;
		for (std::uint64_t n = 0; n < now; ++n) {
			pages.emplace_back(part.drawn[part.read++], i);
		}
	}
	std::ranges::sort(pages);
	const auto ahead = static_cast<std::size_t>(std::max(0, call([&] { return prefetch_distance(session_->reader); })));
	for (std::size_t i = 0; i < pages.size(); ++i) {
		const BlockNumber *const asked = i + ahead < pages.size() ? &pages[i + ahead].first : nullptr;
		Part &part = parts_[pages[i].second];
		const Seen seen = call([&] {
			if (asked != nullptr) {
				prefetch_page(session_->reader, *asked);
			}
			return look_at(*session_, pages[i].first, part.packing, toast_pages_ ? &part.moving : nullptr);
		});
		part.account += seen.account;
		part.needs.push_back(seen.need);
		part.moved.push_back(seen.moved);
		if (seen.kept > 0) {
			with_rows_ = std::max(with_rows_, pages[i].first + 1);
		}
	}
}

void HeapSample::read_until(const std::vector<std::uint64_t> &wanted) {
	const auto is_done = [&] {
		for (std::size_t i = 0; i < parts_.size(); ++i) {
			if (parts_[i].read < wanted[i]) {
				return false;
			}
		}
		return true;
	};
	while (!is_done() && (!is_late() || drawn_pages() < 2 * parts_.size())) {
		read_batch(wanted);
	}
}

std::uint64_t HeapSample::drawn_pages() const {
	std::uint64_t sum = 0;
	for (const Part &part : parts_) {
		sum += part.read;
	}
	return sum;
}

/// The pages after a rewrite that the rows of each page take: of the table, or of its TOAST table.
std::vector<Stratum> HeapSample::strata() {
	return toast_pages_ ? strata_of_toast() : strata_of_table();
}

std::vector<Stratum> HeapSample::strata_of_toast() const {
	std::vector<Stratum> strata;
	for (const Part &part : parts_) {
		Stratum stratum{.pages = part.pages, .values = part.moved, .least = 0, .most = 0, .unit_error = 0};
		for (const double value : stratum.values) {
			stratum.most = std::max(stratum.most, value);
		}
		strata.push_back(std::move(stratum));
	}
	return strata;
}

std::vector<Stratum> HeapSample::strata_of_table() {
	const double room = page::size - page::header - reserve(RelationGetFillFactor(relation_, HEAP_DEFAULT_FILLFACTOR));
	std::vector<Stratum> strata;
	for (Part &part : parts_) {
		double need = 0;
		for (const double each : part.needs) {
			need += each;
		}
		const double filled = part.packing.pages_filled();
		Stratum stratum{.pages = part.pages,
		                .values = part.needs,
		                .least = 0,
		                .most = page::size / room,
		                .unit_error = part.packing.error_of_fullness()};
		for (double &value : stratum.values) {
			value *= need > 0 ? filled / need : 0;
			stratum.most = std::max(stratum.most, value);
		}
		strata.push_back(std::move(stratum));
	}
	return strata;
}

/// Of all strata, after the pilot.
std::uint64_t HeapSample::wanted_pages() {
	const std::uint64_t allowed = allowed_pages();
	return effort_.max_pages
	           ? allowed
	           : std::min(allowed,
	                      pages_for(aimed_half_width * static_cast<double>(toast_pages_.value_or(blocks())), strata()));
}

bool HeapSample::read() {
	draw_pages();
	const std::uint64_t allowed = allowed_pages();
	std::vector<std::uint64_t> pilot;
	for (const Part &part : parts_) {
		const std::uint64_t share = std::max<std::uint64_t>(2, allowed / 2 / parts_.size());
		pilot.push_back(std::min({pilot_pages, part.pages, share}));
	}
	read_until(pilot);
	std::uint64_t pages = std::max(wanted_pages(), drawn_pages());
	if (!is_limited() && pages * most_of_file >= blocks()) {
		if (!is_toast() && !toast_pages_) {
			return false;
		}
		pages = std::min(most(), blocks());
	}
	std::vector<std::uint64_t> wanted = allocate(pages, strata());
	// What was read is read: the others have less.
	std::uint64_t given = 0;
	for (std::size_t i = 0; i < parts_.size(); ++i) {
		wanted[i] = std::max<std::uint64_t>(wanted[i], parts_[i].read);
		given += wanted[i];
	}
	for (std::size_t i = 0; i < parts_.size() && given > pages; ++i) {
		const std::uint64_t less = std::min<std::uint64_t>(given - pages, wanted[i] - parts_[i].read);
		wanted[i] -= less;
		given -= less;
	}
	read_until(wanted);
	return true;
}

/// Reads back from the end until there is a row, if VACUUM could cut off what was not seen.
void HeapSample::look_at_end(Measurement &measurement) {
	const auto end = static_cast<BlockNumber>(blocks());
	if (call([&] { return truncatable_bytes(relation_, end, with_rows_); }) == 0) {
		return; // not even then
	}
	const std::uint64_t left = std::min(most_of_end, most() - std::min(most(), drawn_pages()));
	SamplePacking unused(100);
	BlockNumber last = end;
	bool is_empty = true;
	for (std::uint64_t i = 0; i < left && last > with_rows_ && is_empty && !is_late(); ++i) {
		is_empty = call([&] { return look_at(*session_, last - 1, unused, nullptr).kept == 0; });
		last -= is_empty ? 1 : 0;
	}
	measurement.truncatable = call([&] { return truncatable_bytes(relation_, end, last); });
	if (is_empty && last > with_rows_ && last < end) {
		measurement.caveats.push_back(
			format("at least %u pages at the end are empty: reading ended before one that is not", end - last));
	}
}

Prediction HeapSample::prediction() {
	constexpr double lost = 1e-6; // by adding
	const Estimate found = estimate_sum(strata());
	const double rounded = drawn_pages() < blocks() ? 1 : 0; // by the last page, and the order of the others
	const auto bytes_of = [](double pages) { return static_cast<std::int64_t>(pages) * BLCKSZ; };
	return {.bytes = bytes_of(std::round(found.value)),
	        .low = bytes_of(std::max(0.0, std::floor(found.low + lost) - rounded)),
	        .high = bytes_of(std::ceil(found.high - lost) + rounded)};
}

Measurement HeapSample::result() {
	Measurement measurement;
	measurement.method = Method::Sample;
	measurement.bytes = static_cast<std::int64_t>(blocks()) * BLCKSZ;
	const std::uint64_t drawn = drawn_pages();
	Account account;
	for (const Part &part : parts_) {
		if (part.read > 0) {
			account += scaled_to(part.account, static_cast<std::int64_t>(part.pages) * BLCKSZ);
		}
	}
	measurement.account = account;
	if (!is_toast()) {
		measurement.rewritten = prediction();
	}
	measurement.caveats.push_back(
		format("estimated from %ld of %ld pages", static_cast<long>(drawn), static_cast<long>(blocks())));
	look_at_end(measurement);
	measurement.pages_read = session_->reader.pages_read;
	add_caveats(session_->examiner.reform.filled > 0, measurement);
	return measurement;
}

Measurement withhold(Relation relation) {
	Measurement measurement;
	measurement.method = Method::Sample;
	measurement.bytes = static_cast<std::int64_t>(call([&] { return RelationGetNumberOfBlocks(relation); })) * BLCKSZ;
	measurement.withheld =
		format("a sample of fewer than %d pages says nothing: raise max_pages", static_cast<int>(least_pages));
	return measurement;
}

/// A rewrite writes a TOAST table from the rows of its table, in their order: where its own rows are says nothing of
/// it.
void predict_toast(Relation toast, const Effort &effort, Measurement &measurement) {
	const TableOfToast of = call(open_table_of_toast, toast);
	if (of.table == nullptr) {
		measurement.withheld = of.obstacle;
		return;
	}
	HeapSample sample(of.table, effort, static_cast<std::uint64_t>(measurement.bytes / BLCKSZ), 2);
	if (sample.blocks() > 0) {
		sample.read();
	}
	measurement.rewritten = sample.prediction();
	measurement.pages_read += sample.pages_read();
	if (static_cast<std::uint64_t>(sample.pages_read()) < sample.blocks()) {
		measurement.caveats.push_back(format("the size after a rewrite is estimated from %ld of %ld pages of its table",
		                                     static_cast<long>(sample.pages_read()),
		                                     static_cast<long>(sample.blocks())));
	}
	sample.end();
	call([&] { relation_close(of.table, AccessShareLock); });
}

/// A TOAST table: half of the effort is for its table.
Measurement sample_toast(Relation toast, const Effort &effort) {
	Effort half = effort;
	if (effort.max_milliseconds) {
		half.max_milliseconds = *effort.max_milliseconds / 2;
	}
	HeapSample sample(toast, half, std::nullopt, 2);
	Measurement measurement = sample.measure().value_or(Measurement());
	if (measurement.bytes == 0) {
		measurement.rewritten = {.bytes = 0, .low = 0, .high = 0};
	} else {
		predict_toast(toast, half, measurement);
	}
	return measurement;
}

} // namespace

std::optional<Measurement> sample_heap(Relation relation, const Effort &effort) {
	if (effort.max_pages && *effort.max_pages < least_pages) {
		return withhold(relation);
	}
	if (relation->rd_rel->relkind == RELKIND_TOASTVALUE) {
		return sample_toast(relation, effort);
	}
	HeapSample sample(relation, effort);
	if (!sample.is_limited() && sample.blocks() < 2 * most_of_file * pilot_pages) {
		return std::nullopt;
	}
	if (sample.most() >= sample.blocks() && !effort.max_milliseconds) {
		return std::nullopt;
	}
	return sample.measure();
}

} // namespace warden::bloat
