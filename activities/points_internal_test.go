package activities

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A point that is labelled and not listed would never be killed at, and nobody
// would notice.
func TestPointsListsEveryPoint(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "points.go", nil, 0)
	require.NoError(t, err)
	var labelled []Point
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		kind, is := spec.Type.(*ast.Ident)
		require.True(t, is && kind.Name == "Point", "%v is of no kind", spec.Names)
		label, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		labelled = append(labelled, Point(label))
		return false
	})
	require.NotEmpty(t, labelled)
	require.Equal(t, labelled, Points())
}
