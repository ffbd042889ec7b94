#include "audit/key_lives.hpp"

namespace warden::audit {

namespace {

bool is_end(const KeyEvent &event) {
	return event.leaves || event.operation == 'D' || event.operation == 'T';
}

/// The rows that have the key at one moment: two, while one statement gives all rows the keys of others.
class Lives {
public:
	std::size_t number_of(const KeyEvent &event) {
		if (event.operation == 'I' || event.operation == 'K') {
			return begin(event);
		}
		if (open_.empty()) {
			open_.push_back({next_++, event.transaction});
		}
		return is_end(event) ? end(event) : open_.back().number;
	}

private:
	struct Life {
		std::size_t number;
		std::int64_t transaction; ///< that it began in
	};

	std::size_t begin(const KeyEvent &event) {
		const bool is_back = event.operation == 'I' && is_deleted_ && deleted_.transaction == event.transaction;
		open_.push_back({is_back ? deleted_.number : next_++, event.transaction});
		is_deleted_ = false;
		return open_.back().number;
	}

	// In the transaction that another row came in, it is the older one that goes; later, that one is gone already,
	// while changes were not logged.
	std::size_t end(const KeyEvent &event) {
		const bool is_older = open_.back().transaction == event.transaction;
		const Life life = is_older ? open_.front() : open_.back();
		if (is_older) {
			open_.erase(open_.begin());
		} else {
			open_.clear();
		}
		is_deleted_ = event.operation == 'D';
		deleted_ = {life.number, event.transaction};
		return life.number;
	}

	std::vector<Life> open_;
	Life deleted_{};
	bool is_deleted_ = false;
	std::size_t next_ = 0;
};

} // namespace

std::vector<std::size_t> lives_of(const std::vector<KeyEvent> &events) {
	Lives lives;
	std::vector<std::size_t> numbers;
	numbers.reserve(events.size());
	for (const KeyEvent &event : events) {
		numbers.push_back(lives.number_of(event));
	}
	return numbers;
}

std::size_t last_life(const std::vector<KeyEvent> &events, const std::vector<std::size_t> &lives) {
	std::size_t last = 0;
	bool is_open = false;
	for (std::size_t i = 0; i < events.size(); ++i) {
		if (lives[i] >= last) {
			last = lives[i];
			is_open = !is_end(events[i]);
		}
	}
	return is_open ? last : nobody;
}

} // namespace warden::audit
