#include "advice/used_indexes.hpp"

namespace warden::advice {

namespace {

List *of_plan(List *found, const Plan *plan);

List *of_plans(List *found, const List *plans) {
	ListCell *cell = nullptr;
	foreach (cell, plans) {
		found = of_plan(found, static_cast<const Plan *>(lfirst(cell)));
	}
	return found;
}

/// Plans below one that are not its left and right.
List *of_children(List *found, const Plan *plan) {
	switch (nodeTag(plan)) {
	case T_Append:
		return of_plans(found, reinterpret_cast<const Append *>(plan)->appendplans);
	case T_MergeAppend:
		return of_plans(found, reinterpret_cast<const MergeAppend *>(plan)->mergeplans);
	case T_BitmapAnd:
		return of_plans(found, reinterpret_cast<const BitmapAnd *>(plan)->bitmapplans);
	case T_BitmapOr:
		return of_plans(found, reinterpret_cast<const BitmapOr *>(plan)->bitmapplans);
	case T_SubqueryScan:
		return of_plan(found, reinterpret_cast<const SubqueryScan *>(plan)->subplan);
	case T_CustomScan:
		return of_plans(found, reinterpret_cast<const CustomScan *>(plan)->custom_plans);
	default:
		return found;
	}
}

List *of_plan(List *found, const Plan *plan) {
	if (plan == nullptr) {
		return found;
	}
	check_stack_depth();
	switch (nodeTag(plan)) {
	case T_IndexScan:
		found = list_append_unique_oid(found, reinterpret_cast<const IndexScan *>(plan)->indexid);
		break;
	case T_IndexOnlyScan:
		found = list_append_unique_oid(found, reinterpret_cast<const IndexOnlyScan *>(plan)->indexid);
		break;
	case T_BitmapIndexScan:
		found = list_append_unique_oid(found, reinterpret_cast<const BitmapIndexScan *>(plan)->indexid);
		break;
	default:
		break;
	}
	return of_plan(of_plan(of_children(found, plan), outerPlan(plan)), innerPlan(plan));
}

} // namespace

List *used_indexes(const PlannedStmt *plan) {
	return of_plans(of_plan(NIL, plan->planTree), plan->subplans);
}

} // namespace warden::advice
