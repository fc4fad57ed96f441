// Package attribute knows the attributes of a target: for each, by its
// description in package schema, how a value is read, merged, overridden with
// --set, checked by itself, shown by --print, and put into a spec.Target. The
// row of an attribute is in Attributes, and there only.
//
// What the value alone can say is checked here: a number, a size, a platform.
// What takes the other attributes of a target or the disk is checked by package
// config, what takes the Dockerfile or what BuildKit knows by package planner.
//
// The package knows nothing of expressions, inheritance between targets, or
// files: values come in evaluated, and go out as plain ones.
package attribute
