// The type warden.job_command: a command and the role that runs it.
//
// The invariant: no function shows the command to a role that has neither the owner's rights nor pg_read_all_stats.
// There are no casts, no operators and no binary form, so there is no other way to it.
#include "pg/datum.hpp"

extern "C" {
#include "catalog/pg_authid_d.h"
#include "utils/acl.h"
}

using namespace warden;
using namespace warden::pg;

namespace {

constexpr std::string_view hidden = "<insufficient privilege>";

struct JobCommand {
	int32 header; // of a varlena
	Oid owner;
	char text[FLEXIBLE_ARRAY_MEMBER];
};

constexpr size_t text_offset = offsetof(JobCommand, text);

// The rest is server code.

Datum make(Oid owner, std::string_view text) {
	const size_t size = text_offset + text.size();
	auto *const command = static_cast<JobCommand *>(palloc(size));
	SET_VARSIZE(command, size);
	command->owner = owner;
	memcpy(command->text, text.data(), text.size());
	return PointerGetDatum(command);
}

const JobCommand *get(Datum datum) {
	return reinterpret_cast<const JobCommand *>(PG_DETOAST_DATUM(datum));
}

std::string_view visible_text(const JobCommand *command) {
	const Oid reader = GetUserId();
	if (!has_privs_of_role(reader, command->owner) && !has_privs_of_role(reader, ROLE_PG_READ_ALL_STATS)) {
		return hidden;
	}
	return {command->text, VARSIZE(command) - text_offset};
}

// Where the name of the role ends that a text begins with; the name may be quoted.
const char *end_of_role(const char *text) {
	if (*text != '"') {
		return strchr(text, '=');
	}
	for (const char *quote = strchr(text + 1, '"'); quote != nullptr; quote = strchr(quote + 2, '"')) {
		if (quote[1] != '"') {
			return quote[1] == '=' ? quote + 1 : nullptr;
		}
	}
	return nullptr;
}

Oid role_of(const char *text, const char *end) {
	if (end == text + 1 && *text == '-') {
		return InvalidOid;
	}
	char *const name = static_cast<char *>(palloc(static_cast<size_t>(end - text) + 1));
	char *to = name;
	const bool quoted = *text == '"';
	for (const char *at = quoted ? text + 1 : text; at < (quoted ? end - 1 : end); ++at) {
		*to++ = *at;
		at += quoted && *at == '"' ? 1 : 0;
	}
	*to = '\0';
	return get_role_oid(name, true);
}

} // namespace

/// job_command_in(text cstring) returns warden.job_command
PG_FUNCTION(job_command_in) {
	return call([&] {
		const char *const text = PG_GETARG_CSTRING(0);
		const char *const end = end_of_role(text);
		if (end == nullptr) {
			ereport(ERROR, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			        errmsg("invalid input syntax for type %s", "warden.job_command"),
			        errdetail("It is a role, \"=\", and a command."));
		}
		return make(role_of(text, end), end + 1);
	});
}

/// job_command_out(command warden.job_command) returns cstring
PG_FUNCTION(job_command_out) {
	return call([&] {
		const JobCommand *const command = get(PG_GETARG_DATUM(0));
		const char *const role = GetUserNameFromId(command->owner, true);
		const std::string_view text = visible_text(command);
		return CStringGetDatum(psprintf("%s=%.*s", role != nullptr ? quote_identifier(role) : "-",
		                                static_cast<int>(text.size()), text.data()));
	});
}

/// job_command(owner oid, command text) returns warden.job_command
PG_FUNCTION(job_command_make) {
	const auto owner = argument<Oid>(fcinfo, 0);
	const auto text = argument<std::string_view>(fcinfo, 1);
	return call([&] { return make(owner, text); });
}

/// job_owner(command warden.job_command) returns oid
PG_FUNCTION(job_owner) {
	return call([&] { return ObjectIdGetDatum(get(PG_GETARG_DATUM(0))->owner); });
}

/// job_text(command warden.job_command) returns text
PG_FUNCTION(job_text) {
	return call([&] {
		const std::string_view text = visible_text(get(PG_GETARG_DATUM(0)));
		return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
	});
}
