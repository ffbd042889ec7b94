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

constexpr double half_width = 0.02;         // of the file, which a sample is for if nobody says how many pages
constexpr std::uint64_t most_pages = 2500;  // then, of any file
constexpr std::uint64_t pilot_pages = 60;   // of each stratum
constexpr std::uint64_t share_for_end = 50; // of the pages that may be read, one of so many for the end of the file
constexpr std::uint64_t most_of_end = 4096; // pages
constexpr std::uint64_t batch_pages = 128;  // between two looks at the clock
constexpr std::uint64_t least_pages = 30;   // of a sample
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
	double need; ///< bytes that its rows take after a rewrite
	std::uint32_t kept;
};

/// What is known of a stratum.
struct Part {
	std::uint64_t pages = 0;
	std::vector<std::uint32_t> drawn; ///< in their random order; the first of them were read
	std::size_t read = 0;
	std::vector<double> needs; ///< of those
	Account account;
	SamplePacking packing{100};
};

// Server code.

std::optional<Session> begin(Relation relation, int cost_delay_ms) {
	const TransactionId horizon = horizon_of(relation);
	Session session{
		.reader = begin_reading(relation, cost_delay_ms), .examiner = begin_examining(relation, horizon), .begin = {}};
	INSTR_TIME_SET_CURRENT(session.begin);
	return session;
}

double milliseconds_since(instr_time begin) {
	instr_time now;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, begin);
	return INSTR_TIME_GET_MILLISEC(now);
}

Seen look_at(Session &session, BlockNumber block, SamplePacking &packing) {
	HeapPage found;
	examine(session.examiner, read_page(session.reader, block), block, found);
	Seen seen{.account = found.account, .need = 0, .kept = found.kept};
	for (int i = 0; i < found.kept; ++i) {
		seen.need += align(found.lengths[i]) + page::line_pointer;
	}
	packing.add(found.lengths, found.kept, found.account.free);
	return seen;
}

// C++ code.

class HeapSample {
public:
	HeapSample(Relation relation, const Effort &effort)
		: relation_(relation), effort_(effort), session_(call(begin, relation, effort.cost_delay_ms)) {}

	std::uint64_t blocks() const { return session_->reader.blocks; }

	/// How many pages may be read.
	std::uint64_t most() const {
		return std::min(blocks(), effort_.max_pages
		                              ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, *effort_.max_pages))
		                              : most_pages);
	}
	bool is_limited() const { return effort_.max_pages || effort_.max_milliseconds; }

	/// False: it is better to read all.
	bool read();
	Measurement result();
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
	std::uint64_t wanted_pages();
	std::uint64_t drawn_pages() const;
	void look_at_end(Measurement &measurement);

	Relation relation_;
	const Effort &effort_;
	std::optional<Session> session_;
	std::vector<Part> parts_;
	BlockNumber with_rows_ = 0; ///< pages until the last one that was seen with a row that is kept
};

/// Draws as many from each stratum as could be wanted, in a random order.
void HeapSample::draw_pages() {
	std::optional<PageStrata> strata =
		call([&] { return std::optional(PageStrata(relation_, static_cast<BlockNumber>(blocks()))); });
	RandomNumbers numbers(effort_.seed);
	std::vector<std::vector<std::uint32_t>> sorted(most_strata);
	PageStrata::Ranks ranks[most_strata] = {};
	for (int i = 0; i < strata->count(); ++i) {
		Part part;
		part.pages = strata->pages(i);
		part.packing = SamplePacking(RelationGetFillFactor(relation_, HEAP_DEFAULT_FILLFACTOR));
		part.drawn = draw(numbers, strata->pages(i), most());
		sorted[i] = part.drawn;
		std::sort(sorted[i].begin(), sorted[i].end());
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
			number = sorted[i][std::lower_bound(within.begin(), within.end(), number) - within.begin()];
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
	std::sort(pages.begin(), pages.end());
	const auto ahead = static_cast<std::size_t>(std::max(0, call([&] { return prefetch_distance(session_->reader); })));
	for (std::size_t i = 0; i < pages.size(); ++i) {
		const BlockNumber *const asked = i + ahead < pages.size() ? &pages[i + ahead].first : nullptr;
		Part &part = parts_[pages[i].second];
		const Seen seen = call([&] {
			if (asked != nullptr) {
				prefetch_page(session_->reader, *asked);
			}
			return look_at(*session_, pages[i].first, part.packing);
		});
		part.account += seen.account;
		part.needs.push_back(seen.need);
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

/// The pages after a rewrite that the rows of each page take.
std::vector<Stratum> HeapSample::strata() {
	const double room = page::size - page::header - reserve(RelationGetFillFactor(relation_, HEAP_DEFAULT_FILLFACTOR));
	std::vector<Stratum> strata;
	for (Part &part : parts_) {
		double need = 0;
		for (const double each : part.needs) {
			need += each;
		}
		const double filled = part.packing.pages_filled();
		Stratum stratum{.pages = part.pages, .values = part.needs, .least = 0, .most = page::size / room};
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
	const std::uint64_t allowed = most() - std::min(most() / 2, most() / share_for_end + 1);
	return effort_.max_pages ? allowed
	                         : std::min(allowed, pages_for(half_width * static_cast<double>(blocks()), strata()));
}

bool HeapSample::read() {
	draw_pages();
	const std::uint64_t allowed = most() - std::min(most() / 2, most() / share_for_end + 1);
	std::vector<std::uint64_t> pilot;
	for (const Part &part : parts_) {
		const std::uint64_t share = std::max<std::uint64_t>(2, allowed / 2 / parts_.size());
		pilot.push_back(std::min({pilot_pages, part.pages, share}));
	}
	read_until(pilot);
	const std::uint64_t pages = std::max(wanted_pages(), drawn_pages());
	if (!is_limited() && pages * most_of_file >= blocks()) {
		return false;
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
		is_empty = call([&] { return look_at(*session_, last - 1, unused).kept == 0; });
		last -= is_empty ? 1 : 0;
	}
	measurement.truncatable = call([&] { return truncatable_bytes(relation_, end, last); });
	if (is_empty && last > with_rows_) {
		measurement.caveats.push_back(
			format("at least %u pages at the end are empty: reading ended before one that is not", end - last));
	}
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
	const Estimate found = estimate_sum(strata());
	const auto bytes_of = [](double pages) { return static_cast<std::int64_t>(pages) * BLCKSZ; };
	measurement.rewritten = {.bytes = bytes_of(std::round(found.value)),
	                         .low = bytes_of(std::floor(found.low)),
	                         .high = bytes_of(std::ceil(found.high))};
	measurement.caveats.push_back(format("estimated from %ld of %ld pages, seed %u", static_cast<long>(drawn),
	                                     static_cast<long>(blocks()), effort_.seed));
	look_at_end(measurement);
	measurement.pages_read = session_->reader.pages_read;
	add_caveats(session_->examiner.reform.filled > 0, measurement);
	if (relation_->rd_rel->relkind == RELKIND_TOASTVALUE) {
		add_toast_caveats(relation_, measurement);
	}
	return measurement;
}

Measurement withhold(std::uint64_t blocks) {
	Measurement measurement;
	measurement.method = Method::Sample;
	measurement.bytes = static_cast<std::int64_t>(blocks) * BLCKSZ;
	measurement.withheld =
		format("a sample of fewer than %d pages says nothing: raise max_pages", static_cast<int>(least_pages));
	return measurement;
}

} // namespace

std::optional<Measurement> sample_heap(Relation relation, const Effort &effort) {
	HeapSample sample(relation, effort);
	if (!sample.is_limited() && sample.blocks() < 2 * most_of_file * pilot_pages) {
		return std::nullopt;
	}
	if (sample.most() >= sample.blocks() && !effort.max_milliseconds) {
		return std::nullopt;
	}
	if (sample.most() < least_pages) {
		return withhold(sample.blocks());
	}
	std::optional<Measurement> measurement;
	if (sample.read()) {
		measurement = sample.result();
	}
	sample.end();
	return measurement;
}

} // namespace warden::bloat
