// Package cloud links the cloud stores into the stage: s3://, gs:// and
// azblob://. It stands apart because their clients are large, and only the
// program needs them, not every test.
package cloud

import (
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://
)
